// The key by which peers know this node again. Design: docs/formats.md, "gossip/identity.pem".
// It proves nothing about releases; who steals it can pose as this node to its peers.
// Must not: write it with any other mode than 0600, or replace one that is there.
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Opts } from "../api.ts";
import { readFileBounded, writeFileAtomic } from "../disk/atomic-file.ts";
import { withLock } from "../disk/lock.ts";
import { UpdateError } from "../errors.ts";

/** An Ed25519 key in PEM has 119 bytes. */
const MAX_IDENTITY_BYTES = 4096;

/**
 * The key of this node, made at the first call.
 * @returns 64 bytes: the seed and the public key, as libp2p has them
 * @throws UpdateError E_STATE_CORRUPT when the file is no such key or others can read it; E_IO, E_DISK_FULL
 */
export async function loadIdentity(file: string, o: Opts): Promise<Uint8Array> {
  await mkdir(dirname(file), { recursive: true });
  return await withLock(`${file}.lock`, o, async () => {
    if (!await isThere(file)) {
      const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
      await writeFileAtomic(file, new TextEncoder().encode(pem.toString()), { mode: 0o600 });
    }
    return await readIdentity(file);
  });
}

async function isThere(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw e;
  }
}

async function readIdentity(file: string): Promise<Uint8Array> {
  // Windows has access lists and reports made-up permission bits.
  if (process.platform !== "win32" && ((await stat(file)).mode & 0o077) !== 0) {
    throw damaged(file, "can be read by others", "take their rights away (chmod 600), or remove it: a new one is made");
  }
  const pem = new TextDecoder().decode(await readFileBounded(file, MAX_IDENTITY_BYTES));
  try {
    const { d, x, crv } = createPrivateKey(pem).export({ format: "jwk" });
    const key = Buffer.concat([d, x].map((part) => Buffer.from(part ?? "", "base64url")));
    if (crv === "Ed25519" && key.length === 64) return new Uint8Array(key);
  } catch {
    // told below, without a cause: it could quote the key
  }
  throw damaged(file, "is no Ed25519 key", "remove it: a new one is made, and peers see a new node");
}

function damaged(file: string, what: string, hint: string): UpdateError {
  return new UpdateError("E_STATE_CORRUPT", `${JSON.stringify(file)} ${what}`, { hint });
}
