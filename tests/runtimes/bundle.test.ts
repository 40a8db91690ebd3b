// The bundled file gives the same answers on every runtime: as a file, through a symbolic link, and piped.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { startHttpServer, type TestServer } from "../support/http-server.ts";
import { BUNDLE, publishRelease } from "../support/release-fixture.ts";
import { type Runtime, runtimes } from "./runtimes.ts";
import { tempFolder } from "../support/temp-folder.ts";

const temp = tempFolder("runtimes");
const link = join(temp, "dchat-update");
const genuine = join(temp, "genuine");
const altered = join(temp, "altered");
const program = readFileSync(BUNDLE);
// More than one chunk of a stream and of BLAKE3, and no round number.
const bytes = Buffer.alloc(300_001, "dchat");
let mirror: TestServer;
let judges: string[];
let root: string;

before(async () => {
  symlinkSync(BUNDLE, link);
  writeFileSync(genuine, bytes);
  writeFileSync(altered, bytes.with(200_000, 0));
  const published = publishRelease(temp, genuine);
  root = published.root;
  judges = ["--bundle", published.bundle, "--root", root, "--version", "1.0.0", "--platform", "linux-x64"];
  mirror = await startHttpServer((request, response) => {
    try {
      response.end(readFileSync(join(published.repo, decodeURIComponent(request.url ?? ""))));
    } catch {
      response.writeHead(404).end();
    }
  });
});

after(async () => {
  await mirror.close();
  rmSync(temp, { recursive: true });
});

type Way = "as a file" | "through a symbolic link" | "through standard input";
const WAYS: Way[] = ["as a file", "through a symbolic link", "through standard input"];

async function run(runtime: Runtime, way: Way, args: string[]) {
  const piped = way === "through standard input";
  const file = way === "as a file" ? BUNDLE : link;
  const [command, ...rest] = piped ? runtime.stdinCommand(args) : runtime.fileCommand(file, args);
  const child = spawn(command, rest, { cwd: temp, env: { ...process.env, DCHAT_HOME: join(temp, "no home") } });
  child.stdin.on("error", () => {}); // one that ends before it has read all is judged by its answer
  child.stdin.end(piped ? program : undefined);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code, stdout, stderr };
}

const QUESTIONS: { name: string; args: () => string[]; code: number }[] = [
  { name: "version", args: () => ["version"], code: 0 },
  { name: "version", args: () => ["version", "--no-color"], code: 0 }, // the bare one is answered by a short cut
  { name: "version --json", args: () => ["version", "--json"], code: 0 },
  { name: "help", args: () => ["help"], code: 0 },
  { name: "verify of a genuine package", args: () => ["verify", "--package", genuine, ...judges], code: 0 },
  { name: "verify --json", args: () => ["verify", "--json", "--package", genuine, ...judges], code: 0 },
  { name: "verify of an altered package", args: () => ["verify", "--package", altered, ...judges], code: 30 },
  { name: "a missing option", args: () => ["verify"], code: 2 },
  { name: "an unknown command", args: () => ["verfiy"], code: 2 },
];

/** What no runtime may say differently: all but its own name. */
function comparable(stdout: string): string {
  return stdout.replace(/"runtime":"(node|deno|bun) [^"]+"/, '"runtime":""');
}

const answers = new Map<string, unknown>();

for (const runtime of runtimes()) {
  for (const way of WAYS) {
    test(`${runtime.name} ${way}: the same answers as everywhere`, async () => {
      for (const { name, args, code } of QUESTIONS) {
        const { stdout, stderr, ...ended } = await run(runtime, way, args());
        assert.equal(ended.code, code, `${name}: ${stderr}`);
        const answer = { stdout: comparable(stdout), stderr };
        if (!answers.has(name)) answers.set(name, answer);
        assert.deepEqual(answer, answers.get(name), name);
      }
    });
  }

  for (const way of ["as a file", "through standard input"] as const) {
    test(`${runtime.name} ${way}: downloads over HTTP`, async () => {
      const folder = join(temp, `${runtime.name} ${way}`);
      const file = join(folder, "file");
      mkdirSync(folder);
      const home = ["--home", join(folder, "home")];
      const init = await run(runtime, way, ["init", "--repo", mirror.url, "--root", root, ...home]);
      assert.equal(init.code, 0, init.stderr);
      const wanted = ["--version", "1.0.0", "--platform", "linux-x64", "--output", file];
      const download = await run(runtime, way, ["download", ...wanted, ...home]);
      assert.equal(download.code, 0, download.stderr);
      assert.deepEqual(readFileSync(file), bytes);
    });
  }
}
