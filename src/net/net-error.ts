// Errors of sockets, TLS and HTTP in a few plain words. Design: E_UNREACHABLE of the error table.
// Must not: match messages by their text, repeat text from outside unescaped.

import { asUpdateError, UpdateError } from "../errors.ts";

const PLAIN_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection lost",
  EPIPE: "connection lost",
  UND_ERR_SOCKET: "connection lost",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "the answer ended early",
  ENOTFOUND: "no such host",
  ENODATA: "no address for this host",
  EAI_AGAIN: "the name server does not answer",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  EADDRNOTAVAIL: "the address cannot be reached from here",
  ETIMEDOUT: "the connection timed out",
};

/** A short reason, safe to print. */
export function causeOf(e: unknown): string {
  const code = codeOf(e);
  const known = code === undefined ? undefined : PLAIN_WORDS[code];
  if (known !== undefined) return known;
  const message = e instanceof Error ? e.message : String(e);
  // Printable ASCII only: TLS libraries quote names from the other side's certificate.
  const text = message.replace(/[^ -~]+/g, " ").trim().slice(0, 160);
  return code === undefined || text.includes(code) ? text : `${text} (${code})`;
}

/** Wraps what a connection or an answer failed with; aborts and errors that are already ours pass through. */
export function unreachable(host: string, e: unknown): UpdateError {
  if (e instanceof UpdateError) return e;
  if ((e as { name?: unknown } | null)?.name === "AbortError") return asUpdateError(e);
  return new UpdateError("E_UNREACHABLE", `${host}: ${causeOf(e)}`, { cause: e });
}

export function timedOut(host: string, what: string, ms: number): UpdateError {
  return new UpdateError("E_TIMEOUT", `${host}: ${what} within ${ms / 1000} s`);
}

function codeOf(e: unknown): string | undefined {
  const code = (e as { code?: unknown } | null)?.code;
  return typeof code === "string" && /^[A-Z0-9_]{1,60}$/.test(code) ? code : undefined;
}
