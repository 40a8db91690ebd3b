// The lie is somebody else's ear: a mirror's URL may hold a user, a password, a token. The mirror gets them, and neither
// the terminal nor a log nor the next host does.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { readFileSync } from "node:fs";
import { gives, page, redirects, startLyingMirror } from "../support/lying-mirror.ts";
import { createRelease, createStage } from "../support/scene.ts";

const stage = await createStage();
const { repository, path } = await createRelease("credentials");
const files = repository.files();
const other = await startLyingMirror();
after(() => other.close());

const USER = "u5er", PASSWORD = "pa55word", TOKEN = "t0ken";
const SECRETS = [USER, PASSWORD, TOKEN, Buffer.from(`${USER}:${PASSWORD}`).toString("base64")];
const secretUrl = stage.liar.url.replace("//", `//${USER}:${PASSWORD}@`) + `?key=${TOKEN}`;
const DOWNLOAD = ["download", "--version", "1.0.0", "--platform", "linux-x64"] as const;
const operator = await stage.operator({ pinnedRoot: repository.pinnedRoot, mirrors: [secretUrl] });

async function requireSilence(...args: readonly string[]): Promise<void> {
  for (const form of [[], ["--json"], ["--verbose"]]) {
    const { stdout, stderr } = await operator.run(...args, ...form);
    for (const secret of SECRETS) {
      assert.ok(
        !stdout.includes(secret) && !stderr.includes(secret),
        `${args[0]} ${form} shows it: ${stdout}${stderr}`,
      );
    }
  }
  for (const secret of SECRETS) {
    assert.ok(!operator.snapshot().alerts.some((a) => JSON.stringify(a).includes(secret)), "an alert shows it");
  }
}

const SITUATIONS = {
  "tells the truth": {},
  "lies": { "metadata/timestamp.json": page(200, "nothing"), [path]: gives((b) => b.map((x) => x ^ 1)) },
  "is broken": { "": page(500, "broken") },
  "redirects elsewhere": { "metadata/timestamp.json": redirects(`${other.url}/metadata/timestamp.json`) },
  "redirects where it must not": { "": redirects("http://192.168.0.1/") },
};

for (const [title, lies] of Object.entries(SITUATIONS)) {
  test(`no command shows a mirror's secrets while it ${title}`, async () => {
    stage.liar.serve(files, lies);
    other.serve(files);
    for (const command of [["check"], DOWNLOAD, ["list-versions"], ["test-mirrors"]]) await requireSilence(...command);
  });
}

test("no command shows them out of the configuration, where they are kept", async () => {
  await requireSilence("init", "--repo", secretUrl, "--root", operator.rootFile);
  await requireSilence("list-mirrors");
  await requireSilence("show-config");
  await requireSilence("alerts");
  await requireSilence("add-mirror", "--url", secretUrl.replace("http:", "ftp:"));
  await requireSilence("add-mirror", "--url", `${secretUrl}{nonsense}`);
  await requireSilence("add-mirror", "--url", secretUrl.replace("127.0.0.1", "mirror.example"));
  await requireSilence("remove-mirror", "--url", `${secretUrl}x`);
  await requireSilence("add-mirror", "--url", secretUrl, "--priority", "5");
  assert.ok(readFileSync(`${operator.home}/config.json`, "utf8").includes(PASSWORD), "they were lost");
});

test("the mirror is sent them, and the host it redirects to is not", async () => {
  const seen: (string | undefined)[] = [], leaked: (string | undefined)[] = [];
  stage.liar.serve(files, {
    "": ({ request, response }) => {
      seen.push(request.headers.authorization);
      response.writeHead(302, { location: `${other.url}${request.url?.split("?")[0]}` }).end();
    },
  });
  other.serve(files, {
    "": (q) => {
      leaked.push(q.request.headers.authorization, q.request.url?.includes(TOKEN) ? TOKEN : undefined);
      q.response.writeHead(404).end();
    },
  });
  await operator.run("check");
  assert.ok(seen.length > 0 && seen.every((a) => a?.startsWith("Basic ")), JSON.stringify(seen));
  assert.ok(leaked.length > 0 && leaked.every((a) => a === undefined), JSON.stringify(leaked));
});

test("list-mirrors shows a mirror in a form that remove-mirror takes", async () => {
  const { stdout } = await operator.succeed("list-mirrors", "--json");
  const [mirror] = JSON.parse(stdout).mirrors;
  await operator.succeed("remove-mirror", "--url", mirror.url);
});
