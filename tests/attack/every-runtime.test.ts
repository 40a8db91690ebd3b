// One lie of each kind, told to the bundled file on every runtime. Deno has met all of them in the other files.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runtimes } from "../runtimes/runtimes.ts";
import { type Expectation, requireCaught, requireError } from "../support/caught.ts";
import { altered } from "../support/lying-bytes.ts";
import { type Answer, gives, hangsUpBefore, pours, redirects, saysNothing } from "../support/lying-mirror.ts";
import { EXPIRY_LIES } from "../support/metadata-lies/expiry.ts";
import { JSON_LIES } from "../support/metadata-lies/json.ts";
import type { MetadataLie } from "../support/metadata-lies/metadata-lie.ts";
import { MIX_LIES } from "../support/metadata-lies/mix.ts";
import { ROLLBACK_LIES } from "../support/metadata-lies/rollback.ts";
import { ROOT_CHAIN_LIES } from "../support/metadata-lies/root-chain.ts";
import { SIGNATURE_LIES } from "../support/metadata-lies/signatures.ts";
import { QUICK_TIMEOUTS } from "../support/operator.ts";
import { nameOf } from "../support/release-repository.ts";
import { createRelease, createStage } from "../support/scene.ts";

const stage = await createStage();
const { repository, path, content } = await createRelease("every runtime");
const files = repository.files();
const TIMESTAMP = "metadata/timestamp.json";

const TOLD_BY_MIRROR: readonly (readonly [string, string, Answer, Expectation])[] = [
  ["an altered artifact", path, gives((b) => altered(b, "middle")), { code: "E_HASH_MISMATCH", verdict: "lie" }],
  ["an endless artifact", path, pours(Infinity, { announced: false }), { code: "E_HASH_MISMATCH", verdict: "lie" }],
  ["a broken-off artifact", path, hangsUpBefore(25_000), { code: "E_UNREACHABLE", verdict: "fault" }],
  ["a silent mirror", TIMESTAMP, saysNothing, { code: "E_TIMEOUT", verdict: "fault" }],
  ["a gigabyte of timestamp", TIMESTAMP, pours(1e9, { announced: false }), { code: "E_TOO_LARGE", verdict: "lie" }],
  [
    "a redirect to where nobody should go",
    TIMESTAMP,
    redirects("https://169.254.169.254/"),
    { code: "E_FORBIDDEN_ADDRESS", verdict: "fault" },
  ],
];

/** The first of each kind. */
const IN_METADATA = [ROLLBACK_LIES, EXPIRY_LIES, MIX_LIES, SIGNATURE_LIES, ROOT_CHAIN_LIES, JSON_LIES]
  .map(([first]) => first).filter((lie): lie is MetadataLie => lie !== undefined);

for (const runtime of runtimes().filter(({ name }) => name !== "deno2")) {
  for (const [title, at, answer, expected] of TOLD_BY_MIRROR) {
    test(`${runtime.name}: ${title} is caught (${expected.code})`, async () => {
      const scene = await stage.scene(repository, files, runtime);
      scene.liar.serve(files, { [at]: answer });
      scene.honest.serve(files);
      const command = at === path ? ["download", "--version", "1.0.0", "--platform", "linux-x64"] : ["check"];
      await requireCaught(scene, [...command, ...QUICK_TIMEOUTS], expected);
    });
  }

  for (const lie of IN_METADATA) {
    test(`${runtime.name}: metadata with ${lie.title} is refused (${lie.code})`, async () => {
      const told = await lie.tell();
      const scene = await stage.scene(told.repository, told.known, runtime);
      scene.liar.serve(told.lying);
      scene.honest.serve(told.honest);
      await requireCaught(scene, ["check"], { code: lie.code, verdict: lie.verdict, trust: lie.trust ?? "untouched" });
    });
  }

  test(`${runtime.name}: verify refuses an altered file and accepts the genuine one`, async () => {
    const { operator } = await stage.scene(repository, files, runtime);
    const file = join(operator.dir, nameOf("1.0.0"));
    writeFileSync(file, altered(content, "last"));
    requireError(await operator.run("verify", "--package", file), "E_HASH_MISMATCH");
    writeFileSync(file, content);
    await operator.succeed("verify", "--package", file);
  });
}
