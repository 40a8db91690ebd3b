// The hashing core inside a bundled file, on every runtime: as a file, piped, and in a single executable.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { blake3 as oracle } from "hash-wasm";
import { blake3Vectors, sequence } from "../support/blake3-vectors.ts";
import { bundleHash } from "../support/bundle-hash.ts";
import { type Runtime, runtimes } from "./runtimes.ts";
import { tempFolder } from "../support/temp-folder.ts";

const temp = tempFolder("hash");
const file = join(temp, "file");
const program = join(temp, "program.mjs");
const vectors = blake3Vectors() ?? [];
let code: string;
let expected: Record<string, unknown>;

before(async () => {
  const bytes = sequence((20 << 20) + 1234);
  writeFileSync(file, bytes);
  code = await bundleHash(new URL("../support/hash-program.ts", import.meta.url), "node");
  writeFileSync(program, code);
  const digests = {
    length: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    blake3: await oracle(bytes),
  };
  const official = vectors.map(({ digest }) => digest);
  expected = {
    shared: digests,
    alone: digests,
    samePieces: true,
    killed: "E_INTERNAL",
    aborted: "E_INTERRUPTED",
    unrolled: official,
    looped: official,
  };
});
after(() => rmSync(temp, { recursive: true }));

async function answerOf([command, ...args]: [string, ...string[]], input?: string): Promise<unknown> {
  const lengths = JSON.stringify(vectors.map(({ length }) => length));
  const child = spawn(command, args, { cwd: temp, env: { ...process.env, HASH_FILE: file, HASH_LENGTHS: lengths } });
  child.stdin.end(input);
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

const kernelOf = ({ name }: Runtime) => name === "bun1" ? "looped" : "unrolled";

for (const runtime of runtimes()) {
  test(`${runtime.name} from a file: right digests, a killed worker and an abort are errors, and it ends`, async () => {
    const answer = await answerOf(runtime.fileCommand(program, []));
    assert.deepEqual(answer, { ...expected, kernel: kernelOf(runtime) });
  });

  test(`${runtime.name} from standard input: the same`, async () => {
    const answer = await answerOf(runtime.stdinCommand([]), code);
    assert.deepEqual(answer, { ...expected, kernel: kernelOf(runtime) });
  });
}

test("a single executable made by Bun: the same", async (t) => {
  const bun = runtimes().find(({ name }) => name === "bun1")?.fileCommand("", [])[0];
  if (bun === undefined) return t.skip("no Bun for this platform");
  const executable = join(temp, "executable");
  const made = spawnSync(bun, ["build", "--compile", program, "--outfile", executable], { cwd: temp });
  assert.equal(made.status, 0, String(made.stderr));
  assert.deepEqual(await answerOf([executable]), { ...expected, kernel: "looped" });
});
