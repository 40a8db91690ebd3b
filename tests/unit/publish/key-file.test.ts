import assert from "node:assert/strict";
import { chmod, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { generateKeyFiles, publicKeyFile, readKeyFile } from "../../../src/publish/key-file.ts";
import { createSigner } from "../../../src/publish/signer.ts";
import { verifyEd25519 } from "../../../src/trust/ed25519.ts";
import { keyIdOf } from "../../../src/trust/keys.ts";
import { openssl } from "../../publish/maintainer.ts";
import { fails } from "../../support/fails.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const NO_SIGNAL = { signal: new AbortController().signal };

describe("key files", () => {
  let folder: string;
  const path = (name: string) => join(folder, name);
  before(() => {
    folder = tempFolder("keys");
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test("a generated private key is for its owner's eyes only, and its public key stands beside it", async () => {
    const key = await generateKeyFiles(path("k.pem"));
    if (process.platform !== "win32") assert.equal((await stat(path("k.pem"))).mode & 0o777, 0o600);
    assert.equal(publicKeyFile(path("k.pem")), path("k.pub"));
    const pub = await readKeyFile(path("k.pub"));
    assert.deepEqual([pub.keyId, pub.privateKey], [key.keyId, undefined]);
    assert.deepEqual(pub.publicKey, key.publicKey);
    assert.equal(key.keyId, keyIdOf(key.publicKey));
    assert.match(await readFile(path("k.pem"), "utf8"), /^-----BEGIN PRIVATE KEY-----\n/);
    assert.match(openssl("pkey", "-in", path("k.pem"), "-noout", "-text"), /ED25519/i);
  });

  test("a key is never overwritten, and a refusal leaves nothing behind", async () => {
    await generateKeyFiles(path("once.pem"));
    const text = await readFile(path("once.pem"), "utf8");
    await assert.rejects(generateKeyFiles(path("once.pem")), fails("E_USAGE", "exists already"));
    assert.equal(await readFile(path("once.pem"), "utf8"), text);
    await writeFile(path("taken.pub"), "somebody's");
    await assert.rejects(generateKeyFiles(path("taken.pem")), fails("E_USAGE", "taken.pub"));
    assert.equal((await readdir(folder)).includes("taken.pem"), false);
    assert.equal(await readFile(path("taken.pub"), "utf8"), "somebody's");
  });

  test("keys of openssl are read, signatures with them verify", async () => {
    openssl("genpkey", "-algorithm", "ed25519", "-out", path("o.pem"));
    openssl("pkey", "-in", path("o.pem"), "-pubout", "-out", path("o.pub"));
    const key = await readKeyFile(path("o.pem"));
    assert.deepEqual((await readKeyFile(path("o.pub"))).publicKey, key.publicKey);
    const message = new TextEncoder().encode("bytes");
    const signature = await createSigner(key, undefined)?.sign(message, "root", NO_SIGNAL);
    assert.ok(signature !== undefined && verifyEd25519(signature, message, key.publicKey));
    assert.equal(createSigner(await readKeyFile(path("o.pub")), undefined), undefined);
  });

  test("what a file holds is told by its content, not by its name", async () => {
    await generateKeyFiles(path("a.pem"));
    await writeFile(path("private.pub"), `# my key\n${await readFile(path("a.pem"), "utf8")}`);
    await writeFile(path("public.pem"), await readFile(path("a.pub"), "utf8"));
    assert.ok((await readKeyFile(path("private.pub"))).privateKey !== undefined);
    assert.equal((await readKeyFile(path("public.pem"))).privateKey, undefined);
  });

  test("what is no plain Ed25519 key is refused, with advice and without quoting it", async () => {
    openssl("genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:x", "-out", path("locked.pem"));
    openssl("genpkey", "-algorithm", "x25519", "-out", path("x.pem"));
    openssl("genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:1024", "-out", path("rsa.pem"));
    await writeFile(path("noise.pem"), "not a key");
    const secret = (await readFile(path("a.pem"), "utf8")).split("\n")[1] ?? "";
    await writeFile(
      path("cut.pem"),
      `-----BEGIN PRIVATE KEY-----\n${secret.slice(0, 40)}\n-----END PRIVATE KEY-----\n`,
    );
    await writeFile(path("huge.pem"), "x".repeat(20_000));
    await assert.rejects(readKeyFile(path("locked.pem")), fails("E_USAGE", "encrypted private key"));
    await assert.rejects(readKeyFile(path("x.pem")), fails("E_USAGE", "not an Ed25519 key"));
    await assert.rejects(readKeyFile(path("rsa.pem")), fails("E_USAGE", "not an Ed25519 key"));
    await assert.rejects(readKeyFile(path("noise.pem")), fails("E_MALFORMED", "not a PEM key"));
    await assert.rejects(readKeyFile(path("huge.pem")), fails("E_TOO_LARGE"));
    await assert.rejects(readKeyFile(path("absent.pem")), fails("E_IO"));
    await assert.rejects(readKeyFile(path("cut.pem")), (e: Error) => {
      fails("E_MALFORMED", "damaged key")(e);
      assert.equal(`${e.stack}${e.cause}`.includes(secret.slice(0, 20)), false);
      return true;
    });
  });

  test("a private key that others can read is noticed", { skip: process.platform === "win32" }, async () => {
    const key = await generateKeyFiles(path("open.pem"));
    assert.equal(key.isExposed, false);
    await chmod(path("open.pem"), 0o644);
    assert.equal((await readKeyFile(path("open.pem"))).isExposed, true);
    assert.equal((await readKeyFile(path("open.pub"))).isExposed, false);
  });

  test("a public key of small order is refused", async () => {
    const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.alloc(32).fill(1, 0, 1)]);
    await writeFile(
      path("small.pub"),
      `-----BEGIN PUBLIC KEY-----\n${spki.toString("base64")}\n-----END PUBLIC KEY-----\n`,
    );
    await assert.rejects(readKeyFile(path("small.pub")), fails("E_MALFORMED"));
  });
});
