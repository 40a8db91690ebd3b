import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { askExternalSigner } from "../../../src/publish/external-signer.ts";
import { generateKeyFiles, type KeyFile, readKeyFile } from "../../../src/publish/key-file.ts";
import { createSigner, type Signer } from "../../../src/publish/signer.ts";
import { verifyEd25519 } from "../../../src/trust/ed25519.ts";
import { fails } from "../../support/fails.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const NO_SIGNAL = { signal: new AbortController().signal };
const MESSAGE = new TextEncoder().encode('{"_type":"root"}');

describe("an external signer", { skip: process.platform === "win32" && "its commands here are POSIX shell" }, () => {
  let folder: string, key: KeyFile;
  const path = (name: string) => join(folder, name);
  const signer = (command: string): Signer => {
    const made = createSigner(key, { command, env: { ...process.env, FOLDER: folder } });
    return made ?? assert.fail("a public key with a command signs");
  };
  const OPENSSL = `openssl pkeyutl -sign -rawin -inkey "$FOLDER/k.pem"`;

  before(async () => {
    folder = tempFolder("signer");
    await generateKeyFiles(path("k.pem"));
    await generateKeyFiles(path("other.pem"));
    key = await readKeyFile(path("k.pub"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const forms: [form: string, command: string][] = [
    ["raw, from its standard input", `${OPENSSL} -in /dev/stdin`],
    ["raw, from the file it is told", `${OPENSSL} -in "$DCHAT_FILE"`],
    ["in base64 over several lines", `${OPENSSL} -in "$DCHAT_FILE" | openssl base64`],
    ["in hex, upper case", `${OPENSSL} -in /dev/stdin | od -An -v -tx1 | tr -d ' \\n' | tr a-f A-F`],
  ];
  for (const [form, command] of forms) {
    test(`may answer ${form}`, async () => {
      const signature = await signer(command).sign(MESSAGE, "root", NO_SIGNAL);
      assert.ok(verifyEd25519(signature, MESSAGE, key.publicKey));
    });
  }

  test("is told the key, the role and the bytes, and finds nothing left of the call before", async () => {
    const command = `cat > "$FOLDER/input"; echo "$DCHAT_KEY_ID $DCHAT_ROLE $DCHAT_FILE" > "$FOLDER/told"; ` +
      `${OPENSSL} -in "$DCHAT_FILE"`;
    await signer(command).sign(MESSAGE, "targets", NO_SIGNAL);
    assert.deepEqual(new Uint8Array(await readFile(path("input"))), MESSAGE);
    const [keyId, role, file = ""] = (await readFile(path("told"), "utf8")).trim().split(" ");
    assert.deepEqual([keyId, role], [key.keyId, "targets"]);
    await assert.rejects(readdir(join(file, "..")), { code: "ENOENT" });
  });

  const lies: [what: string, command: string, words: string][] = [
    ["signs with another key", `openssl pkeyutl -sign -rawin -inkey "$FOLDER/other.pem" -in /dev/stdin`, "not verify"],
    ["signs other bytes", `echo x > "$FOLDER/x"; ${OPENSSL} -in "$FOLDER/x"`, "not verify"],
    ["fails", "exit 3", "exit code 3"],
    ["is killed", "kill -9 $$", "external signer"],
    ["says nothing", "true", "0 bytes"],
    ["answers with something else", "echo not a signature", "no signature"],
    ["chatters without end", "yes 2>/dev/null", "more than 4096 bytes"],
  ];
  for (const [what, command, words] of lies) {
    test(`that ${what} gives no signature`, async () => {
      await assert.rejects(signer(command).sign(MESSAGE, "root", NO_SIGNAL), fails("E_SIGNATURE", words));
    });
  }

  test("that takes too long is stopped", async () => {
    execFileSync("mkfifo", [path("silence")]); // opening it blocks the shell itself: no process is left behind
    const request = { keyId: key.keyId, publicKey: key.publicKey, role: "root", bytes: MESSAGE };
    const external = { command: `read answer < "$FOLDER/silence"`, env: { ...process.env, FOLDER: folder } };
    await assert.rejects(
      askExternalSigner(external, request, { ...NO_SIGNAL, timeLimitMs: 200 }),
      fails("E_TIMEOUT", "0.2 s"),
    );
    const stopping = new AbortController();
    const pending = askExternalSigner(external, request, { signal: stopping.signal });
    stopping.abort();
    await assert.rejects(pending, (e: Error) => e.name === "AbortError" || "code" in e && e.code === "E_INTERRUPTED");
  });
});
