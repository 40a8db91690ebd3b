// Key files of maintainers and governors: PKCS#8 and SPKI PEM, as openssl writes them. Design: "Formats", keys on disk.
// Which of the two a file holds is told by its content, never by its name.
// Must not: print or log what it reads, write a private key with any other mode than 0600.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { type FileHandle, open, rm, stat } from "node:fs/promises";
import { readFileBounded } from "../disk/atomic-file.ts";
import { asUpdateError, systemCode, UpdateError } from "../errors.ts";
import { isEd25519PublicKey } from "../trust/ed25519.ts";
import { type KeyId, keyIdOf } from "../trust/keys.ts";

/** A key as its file gives it. */
export interface KeyFile {
  readonly file: string;
  readonly keyId: KeyId;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Absent when the file holds a public key: enough for everything but signing. */
  readonly privateKey: KeyObject | undefined;
  /** True for a private key that other users of this machine can read. */
  readonly isExposed: boolean;
}

/** Ed25519 PEM files have about 120 bytes; this leaves room for comments. */
const MAX_KEY_FILE_BYTES = 16_384;
/** Length of the SPKI header before the 32 bytes of an Ed25519 public key (RFC 8410). */
const SPKI_PREFIX_BYTES = 12;

/**
 * Reads a private (PKCS#8) or public (SPKI) Ed25519 key in PEM.
 * @throws UpdateError E_USAGE for keys of another kind, E_MALFORMED when the file is no key, E_IO
 */
export async function readKeyFile(file: string): Promise<KeyFile> {
  const shown = JSON.stringify(file);
  const pem = new TextDecoder().decode(await readFileBounded(file, MAX_KEY_FILE_BYTES));
  const label = /-----BEGIN ([A-Z0-9 ]{1,40})-----/.exec(pem)?.[1];
  if (label === "ENCRYPTED PRIVATE KEY" || label === "OPENSSH PRIVATE KEY") {
    throw new UpdateError("E_USAGE", `${shown} holds an ${label.toLowerCase()}, which cannot be read here`, {
      hint: "name its public key and let --external-signer sign with it",
    });
  }
  if (label !== "PRIVATE KEY" && label !== "PUBLIC KEY") {
    throw new UpdateError("E_MALFORMED", `${shown} is not a PEM key (PKCS#8 private or SPKI public)`, {
      hint: "make one with `dchat-update release keygen` or `openssl genpkey -algorithm ed25519`",
    });
  }
  const privateKey = label === "PRIVATE KEY" ? parse(shown, () => createPrivateKey(pem)) : undefined;
  const publicObject = parse(shown, () => createPublicKey(privateKey === undefined ? pem : privatePem(privateKey)));
  if (publicObject.asymmetricKeyType !== "ed25519") {
    throw new UpdateError("E_USAGE", `${shown} is not an Ed25519 key`, {
      hint: "make one with `dchat-update release keygen`",
    });
  }
  const publicKey = rawPublicKey(publicObject);
  if (!isEd25519PublicKey(publicKey)) throw new UpdateError("E_MALFORMED", `${shown} holds no valid public key`);
  const isExposed = privateKey !== undefined && await othersCanRead(file);
  return { file, keyId: keyIdOf(publicKey), publicKey, privateKey, isExposed };
}

async function othersCanRead(file: string): Promise<boolean> {
  // Windows has access lists and reports made-up permission bits.
  return process.platform !== "win32" && ((await stat(file)).mode & 0o077) !== 0;
}

/** Not every runtime derives a public key from a key object; all do from PEM. */
function privatePem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

function parse(shown: string, f: () => KeyObject): KeyObject {
  try {
    return f();
  } catch {
    throw new UpdateError("E_MALFORMED", `${shown} holds a damaged key`); // no cause: it could quote the key
  }
}

function rawPublicKey(key: KeyObject): Uint8Array {
  const der = key.export({ type: "spki", format: "der" });
  return new Uint8Array(der.subarray(SPKI_PREFIX_BYTES, SPKI_PREFIX_BYTES + 32));
}

/** The public key's file beside a private one: `k.pem` → `k.pub`. */
export function publicKeyFile(privateFile: string): string {
  return `${privateFile.replace(/\.(pem|key)$/, "")}.pub`;
}

/**
 * Makes a key pair: the private key with mode 0600 and its public key beside it. Neither file may exist.
 * @throws UpdateError E_USAGE when one exists, E_IO; nothing is left behind
 */
export async function generateKeyFiles(privateFile: string): Promise<KeyFile> {
  const pair = generateKeyPairSync("ed25519");
  await createFiles([
    { file: privateFile, text: privatePem(pair.privateKey), mode: 0o600 },
    {
      file: publicKeyFile(privateFile),
      text: pair.publicKey.export({ type: "spki", format: "pem" }).toString(),
      mode: 0o644,
    },
  ]);
  return await readKeyFile(privateFile);
}

interface NewFile {
  readonly file: string;
  readonly text: string;
  readonly mode: number;
}

/** Creates all of the files or none. */
async function createFiles(files: readonly NewFile[]): Promise<void> {
  const created: string[] = [];
  try {
    for (const f of files) {
      const handle = await createFile(f);
      created.push(f.file);
      try {
        await handle.writeFile(f.text);
        await handle.sync();
      } finally {
        await handle.close();
      }
    }
  } catch (e) {
    for (const file of created) await rm(file, { force: true });
    throw asUpdateError(e, "E_IO");
  }
}

async function createFile(f: NewFile): Promise<FileHandle> {
  try {
    return await open(f.file, "wx", f.mode);
  } catch (e) {
    if (systemCode(e) !== "EEXIST") throw e;
    throw new UpdateError("E_USAGE", `${JSON.stringify(f.file)} exists already`, {
      hint: "a key is never overwritten: choose another name",
    });
  }
}
