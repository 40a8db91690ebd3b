// The one error class and the one table of codes.
// Design: "Errors" of the house style, "Exit codes" of docs/cli.md. A code never changes its meaning.
// Must not: know about any command, source or format.

/** What a caller may do after an error: try the same again, ask another supplier, or stop. */
export type RetryPolicy = "never" | "same" | "elsewhere";

interface CodeInfo {
  readonly exit: number;
  readonly retry: RetryPolicy;
}

const info = (exit: number, retry: RetryPolicy = "never"): CodeInfo => ({ exit, retry });

/** Every code the product can end with: its exit code and whether another try or another supplier can help. */
export const ERROR_CODES = {
  E_INTERNAL: info(1),
  E_USAGE: info(2),

  E_CHAIN: info(10, "same"), // the node's own chain gives no height
  E_WRONG_CHAIN: info(11), // it is another chain than the root names
  E_NOT_GOVERNED: info(14), // the root names no governors, so there is no schedule
  E_NOT_APPROVED: info(15), // governors have not approved it, or its height is not reached
  E_CERTIFICATE: info(16), // a certificate breaks a rule of the schedule, or is not for it
  E_CONTESTED: info(17), // two complete certificates of one sequence
  E_WITHHELD: info(18, "elsewhere"), // the snapshot names a certificate that this node does not have
  E_RELEASE_MISMATCH: info(19), // what governors approved is not what release keys signed

  E_UNREACHABLE: info(20, "elsewhere"), // no connection: refused, DNS, TLS, reset
  E_TIMEOUT: info(21, "elsewhere"), // connect, first byte, silence or too slow
  E_HTTP_STATUS: info(22, "elsewhere"), // answered, but not with what was asked for
  E_ABSENT: info(23, "elsewhere"), // the supplier does not have it
  E_FORBIDDEN_ADDRESS: info(24, "elsewhere"), // plain http, a private address, a bad redirect
  E_NO_SOURCE: info(25), // nobody is configured who could have it
  E_NO_RELEASE: info(26), // no signed release of that version and platform

  E_HASH_MISMATCH: info(30, "elsewhere"),
  E_SIZE_MISMATCH: info(30, "elsewhere"),
  E_SIGNATURE: info(31, "elsewhere"), // a trusted key's signature does not verify
  E_NOT_SIGNED: info(31), // no signed metadata covers this name, version and platform
  E_UNTRUSTED_KEY: info(32, "elsewhere"),
  E_THRESHOLD: info(33, "elsewhere"),
  E_ROLLBACK: info(34, "elsewhere"),
  E_EXPIRED: info(35, "elsewhere"),
  E_STALE: info(35, "elsewhere"),
  E_MALFORMED: info(36, "elsewhere"),
  E_TOO_LARGE: info(36, "elsewhere"),

  E_DISK_FULL: info(40),
  E_IO: info(41),
  E_LOCKED: info(42, "same"),
  E_NOT_INITIALIZED: info(43),
  E_STATE_CORRUPT: info(44),
  E_NOT_STAGED: info(45), // that version is not here, whole and ready to run
  E_SWITCH_FAILED: info(46), // the new version did not start well
  E_PAST_HEIGHT: info(47), // beyond the height of a hard fork an older version would fork

  E_INTERRUPTED: info(130),
} as const satisfies Record<string, CodeInfo>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface UpdateErrorOptions {
  /** The error this one wraps; never lost. */
  readonly cause?: unknown;
  /** One sentence that says what to do now. */
  readonly hint?: string;
  /** Who supplied the refused bytes: a mirror's URL, "cache", … */
  readonly source?: string;
  /** The clause of the specification a check comes from, such as "TUF 5.4.3". */
  readonly clause?: string;
}

/** Control and format characters as escapes: text from outside must not move a terminal's cursor or turn a line around. */
function plainLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`);
}

/** An error with a stable code. The message is one line and never contains unescaped bytes from outside. */
export class UpdateError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly source: string | undefined;
  readonly clause: string | undefined;

  constructor(code: ErrorCode, message: string, o: UpdateErrorOptions = {}) {
    super(plainLine(message), o.cause === undefined ? undefined : { cause: o.cause });
    this.name = "UpdateError";
    this.code = code;
    this.hint = o.hint === undefined ? undefined : plainLine(o.hint);
    this.source = o.source;
    this.clause = o.clause;
  }

  get exitCode(): number {
    return ERROR_CODES[this.code].exit;
  }

  get retry(): RetryPolicy {
    return ERROR_CODES[this.code].retry;
  }
}

/** How many one line tells of: peers decide how many they are. */
const MAX_LISTED = 5;

/** The first of them, and how many more there are. */
export function listed(items: readonly string[], separator: string): string {
  const more = items.length - MAX_LISTED;
  return [...items.slice(0, MAX_LISTED), ...(more > 0 ? [`${more} more`] : [])].join(separator);
}

/** One attempt that failed, for an error that lists every supplier with its reason. */
export interface FailedAttempt {
  readonly source: string;
  readonly error: UpdateError;
}

/**
 * Every supplier failed: the message has the reasons of the first, or of many those of the gravest; the code is the gravest
 * of all (trust before disk before network).
 */
export class AllSourcesFailedError extends UpdateError {
  readonly attempts: readonly FailedAttempt[];

  constructor(what: string, attempts: readonly FailedAttempt[]) {
    const gravestFirst = attempts.toSorted((a, b) => gravity(b.error.code) - gravity(a.error.code));
    const gravest = gravestFirst[0]?.error ?? new UpdateError("E_INTERNAL", "nobody was asked");
    const told = attempts.length > MAX_LISTED ? gravestFirst : attempts;
    super(gravest.code, `${what}: ${listed(told.map((a) => `${a.source}: ${a.error.message}`), "; ")}`, {
      cause: gravest,
      ...(gravest.hint === undefined ? {} : { hint: gravest.hint }),
    });
    this.name = "AllSourcesFailedError";
    this.attempts = attempts;
  }
}

function gravity(code: ErrorCode): number {
  const exit = ERROR_CODES[code].exit;
  if (exit >= 30 && exit < 40) return 3;
  if (exit >= 40 && exit < 50) return 2;
  // "absent" says least: any other reason from another supplier is worth more to the reader.
  return code === "E_ABSENT" ? 0 : 1;
}

/** True for errors that mean somebody supplied wrong bytes, as opposed to none. */
export function isIntegrityError(e: unknown): e is UpdateError {
  return e instanceof UpdateError && e.exitCode >= 30 && e.exitCode < 40;
}

/** True for errors of what lies on this machine's disk. */
export function isHomeError(e: unknown): boolean {
  const { exitCode } = asUpdateError(e);
  return exitCode >= 40 && exitCode < 50;
}

/** The system's own name of an error, such as "ENOENT", also of one that was wrapped; undefined where it has none. */
export function systemCode(e: unknown): string | undefined {
  if (e instanceof UpdateError) return systemCode(e.cause);
  const code = (e as { code?: unknown } | null | undefined)?.code; // whatever was thrown: looked at just below
  return typeof code === "string" ? code : undefined;
}

/** Wraps whatever was thrown into an UpdateError: aborts, disk and unknown errors get their own codes. */
export function asUpdateError(e: unknown, fallback: ErrorCode = "E_INTERNAL"): UpdateError {
  if (e instanceof UpdateError) return e;
  const code = systemCode(e);
  const name = (e as { name?: unknown } | null)?.name; // not every runtime's abort is an Error
  const message = e instanceof Error ? e.message : String(e);
  if (name === "AbortError" || code === "ABORT_ERR") {
    return new UpdateError("E_INTERRUPTED", "interrupted", { cause: e });
  }
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new UpdateError("E_DISK_FULL", `no space left on the disk: ${message}`, {
      cause: e,
      hint: "free some space, then run the same command again: it resumes",
    });
  }
  if (code !== undefined && DISK_ERRNO.has(code)) return new UpdateError("E_IO", message, { cause: e });
  return new UpdateError(fallback, message, { cause: e });
}

const DISK_ERRNO = new Set([
  "EACCES",
  "EBUSY",
  "EEXIST",
  "EIO",
  "EISDIR",
  "ELOOP",
  "EMFILE",
  "ENAMETOOLONG",
  "ENFILE",
  "ENOENT",
  "ENOTDIR",
  "ENOTEMPTY",
  "EPERM",
  "EROFS",
  "EXDEV",
]);
