// Asks a command for a signature: an HSM, a KMS, another machine. Design: docs/publishing.md, "Keys that never leave".
// The bytes to sign are its standard input, a plain file as well (DCHAT_FILE), because openssl signs no pipe.
// Must not: trust the answer (signer.ts verifies it), pass on more than the caller's environment.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Opts } from "../api.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import { fromHex } from "../trust/hex.ts";
import type { ExternalSigner } from "./signer.ts";

/** Time for a person to type a PIN or touch a key. */
const TIME_LIMIT_MS = 120_000;
/** A signature in base64 has 88 characters; the rest is room for line ends, not for chatter. */
const MAX_OUTPUT_BYTES = 4096;
const SIGNATURE_BYTES = 64;

export interface ExternalRequest {
  readonly keyId: string;
  readonly publicKey: Uint8Array;
  readonly role: string;
  readonly bytes: Uint8Array;
}

/**
 * Runs the command through the shell; its errors and prompts go to the terminal.
 * @returns 64 bytes, not verified
 * @throws UpdateError E_SIGNATURE when it fails or answers something else, E_TIMEOUT after `timeLimitMs`
 */
export async function askExternalSigner(
  signer: ExternalSigner,
  r: ExternalRequest,
  o: Opts & { readonly timeLimitMs?: number },
): Promise<Uint8Array> {
  o.signal.throwIfAborted();
  const folder = await mkdtemp(join(tmpdir(), "dchat-sign-"));
  try {
    const file = join(folder, "to-sign");
    await writeFile(file, r.bytes, { mode: 0o600 });
    const input = await open(file, "r");
    try {
      const child = spawn(signer.command, {
        shell: true,
        stdio: [input.fd, "pipe", "inherit"],
        env: { ...signer.env, DCHAT_KEY_ID: r.keyId, DCHAT_ROLE: r.role, DCHAT_FILE: file },
      });
      return decodeSignature(await collect(child, o.signal, o.timeLimitMs ?? TIME_LIMIT_MS));
    } finally {
      await input.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The whole output of a child that ends well in time. */
async function collect(child: ChildProcess, outer: AbortSignal, timeLimitMs: number): Promise<Uint8Array> {
  const late = AbortSignal.timeout(timeLimitMs);
  const tooMuch = new AbortController();
  const chunks: Uint8Array[] = [];
  let length = 0;
  child.stdout?.on("data", (chunk: Uint8Array) => {
    length += chunk.length;
    if (length > MAX_OUTPUT_BYTES) tooMuch.abort();
    else chunks.push(chunk);
  });
  let code: number | null;
  try {
    [code] = await once(child, "close", { signal: AbortSignal.any([outer, late, tooMuch.signal]) });
  } catch (e) {
    child.kill("SIGKILL");
    child.stdout?.destroy(); // what the shell started may live on and must not hold us
    if (outer.aborted) throw asUpdateError(outer.reason, "E_INTERRUPTED");
    if (tooMuch.signal.aborted) throw refused(`wrote more than ${MAX_OUTPUT_BYTES} bytes`);
    if (!late.aborted) throw refused("could not be started", e);
    throw new UpdateError("E_TIMEOUT", `the external signer gave no signature within ${timeLimitMs / 1000} s`);
  }
  if (length > MAX_OUTPUT_BYTES) throw refused(`wrote more than ${MAX_OUTPUT_BYTES} bytes`);
  if (code !== 0) throw refused(code === null ? "was killed" : `ended with exit code ${code}`);
  return Buffer.concat(chunks);
}

function refused(why: string, cause?: unknown): UpdateError {
  return new UpdateError("E_SIGNATURE", `the external signer ${why}`, {
    cause,
    hint: "it gets the bytes to sign on its standard input and writes the signature: 64 raw bytes, hex or base64",
  });
}

function decodeSignature(output: Uint8Array): Uint8Array {
  if (output.length === SIGNATURE_BYTES) return new Uint8Array(output);
  const text = new TextDecoder().decode(output).replace(/\s/g, "");
  const hex = fromHex(text.toLowerCase(), SIGNATURE_BYTES);
  if (hex !== undefined) return hex;
  if (/^[A-Za-z0-9+/]{86}==$/.test(text)) return new Uint8Array(Buffer.from(text, "base64"));
  throw refused(`wrote ${output.length} bytes that are no signature`);
}
