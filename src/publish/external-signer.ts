// Asks a command for a signature: an HSM, a KMS, another machine. Design: docs/publishing.md, "Keys that never leave".
// The bytes to sign are its standard input, a plain file as well (DCHAT_FILE), because openssl signs no pipe.
// Must not: trust the answer (signer.ts verifies it), pass on more than the caller's environment.
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Opts } from "../api.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import { type CommandEnd, runShellCommand } from "../shell-command.ts";
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
  if (o.signal.aborted) throw asUpdateError(o.signal.reason, "E_INTERRUPTED");
  const folder = await mkdtemp(join(tmpdir(), "dchat-sign-"));
  try {
    const file = join(folder, "to-sign");
    await writeFile(file, r.bytes, { mode: 0o600 });
    const input = await open(file, "r");
    try {
      const { timeLimitMs = TIME_LIMIT_MS, signal } = o;
      const env = { ...signer.env, DCHAT_KEY_ID: r.keyId, DCHAT_ROLE: r.role, DCHAT_FILE: file };
      const limits = { timeLimitMs, maxOutputBytes: MAX_OUTPUT_BYTES, signal };
      const how = { input: input.fd, terminal: "needed" } as const;
      return decodeSignature(
        outputOf(await runShellCommand({ command: signer.command, env, ...limits, ...how }), timeLimitMs),
      );
    } finally {
      await input.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @throws UpdateError E_SIGNATURE, E_TIMEOUT when it did not end well in time */
function outputOf(end: CommandEnd, timeLimitMs: number): Uint8Array {
  switch (end.how) {
    case "ended":
      if (end.code !== 0) throw refused(end.code === null ? "was killed" : `ended with exit code ${end.code}`);
      return end.output;
    case "late":
      throw new UpdateError("E_TIMEOUT", `the external signer gave no signature within ${timeLimitMs / 1000} s`);
    case "too-much":
      throw refused(`wrote more than ${MAX_OUTPUT_BYTES} bytes`);
    case "not-started":
      throw refused("could not be started", end.cause);
  }
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
