// The compiled cipher inside a bundled file, on every runtime: also on those that have one of their own and never use it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createCipheriv, createDecipheriv } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bundleNode } from "../support/bundle-node.ts";
import { cipherAnswers } from "../support/cipher-answers.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { runtimes } from "./runtimes.ts";

const temp = tempFolder("cipher");
const program = join(temp, "program.mjs");
before(async () => {
  writeFileSync(program, await bundleNode(new URL("../support/cipher-program.ts", import.meta.url)));
});
after(() => rmSync(temp, { recursive: true }));

const CIPHER = "chacha20-poly1305", OPTIONS = { authTagLength: 16 };
const expected = cipherAnswers({
  seal(key, nonce, aad, parts) {
    const text = Buffer.concat([...parts]), cipher = createCipheriv(CIPHER, key, nonce, OPTIONS);
    cipher.setAAD(aad, { plaintextLength: text.length });
    return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  },
  open(key, nonce, aad, parts) {
    const sealed = Buffer.concat([...parts]), decipher = createDecipheriv(CIPHER, key, nonce, OPTIONS);
    decipher.setAAD(aad, { plaintextLength: sealed.length - 16 });
    decipher.setAuthTag(sealed.subarray(-16));
    return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
  },
});

for (const runtime of runtimes()) {
  test(`${runtime.name}: it answers as the cipher of OpenSSL does`, () => {
    const [command, ...args] = runtime.fileCommand(program, []);
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.equal(stdout.trim(), expected);
  });
}
