// What to do about an error that does not say so itself: the second line of every error. Design: docs/cli.md, "Words
// people see". Must not: say what happened; the error does.
import type { ErrorCode, UpdateError } from "../errors.ts";

const HINTS: Readonly<Record<ErrorCode, string>> = {
  E_INTERNAL: "this is a bug: run it again with --verbose and report what it says",
  E_USAGE: "see `dchat-update help`",

  E_CHAIN: "is the node's RPC running and reachable? what is known stays known",
  E_WRONG_CHAIN: "point configure-chain at the node of this network",
  E_NOT_GOVERNED: "name governors in a new root: dchat-update release rotate-root REPO --governor FILE:WEIGHT",
  E_NOT_APPROVED: "see what is approved, and from which height: dchat-update governance list",
  E_CERTIFICATE: "see what is in force: dchat-update governance list",
  E_CONTESTED: "governors have to replace it by a new certificate: dchat-update governance show",
  E_WITHHELD: "ask other mirrors, or get the certificate as a file: dchat-update governance vote FILE",
  E_RELEASE_MISMATCH: "do not run it; governors and maintainers have to find out which of the two is right",

  E_UNREACHABLE: "check the network, see `dchat-update test-mirrors`, or add another mirror",
  E_TIMEOUT: "try again, or add a faster mirror",
  E_HTTP_STATUS: "check the URL in `dchat-update list-mirrors`, or add another mirror",
  E_ABSENT: "it may not be there yet: try again later, or add another mirror",
  E_FORBIDDEN_ADDRESS: "use https; see --allow-insecure and --allow-private in `dchat-update help check`",
  E_NO_SOURCE: "add a mirror: dchat-update add-mirror --url URL --mirror-type https",
  E_NO_RELEASE: "see: dchat-update list-versions --all-platforms",

  E_HASH_MISMATCH: "these are not the bytes that were signed: do not use them; try another mirror",
  E_SIZE_MISMATCH: "these are not the bytes that were signed: do not use them; try another mirror",
  E_SIGNATURE: "do not use it; try another mirror, and tell the project when it happens again",
  E_NOT_SIGNED: "do not use it unless you know where it comes from",
  E_UNTRUSTED_KEY: "do not use it; try another mirror, and tell the project when it happens again",
  E_THRESHOLD: "do not use it; try another mirror, and tell the project when it happens again",
  E_ROLLBACK: "this is older than what is known already: use another mirror, or a newer file",
  E_EXPIRED: "try another mirror; when all are old, the maintainers have to run `release refresh`",
  E_STALE: "try another mirror",
  E_MALFORMED: "do not use it; try another mirror",
  E_TOO_LARGE: "do not use it; try another mirror",

  E_DISK_FULL: "free some space, then run the same command again",
  E_IO: "check that the path exists and may be read and written",
  E_LOCKED: "wait for the other process to finish, then try again",
  E_NOT_INITIALIZED: "pin a trust root: dchat-update init --repo URL --root FILE",
  E_STATE_CORRUPT: "restore the file from a backup; docs/formats.md says what it must hold",
  E_NOT_STAGED: "see what is here with `dchat-update status`; get it with: dchat-update install --version V",
  E_SWITCH_FAILED: "see what the node said; the version before is kept in versions/",
  E_PAST_HEIGHT: "wait for a version that mends it; only a chain that starts anew may go back: --resync",

  E_INTERRUPTED: "run the same command again: it goes on where it stopped",
};

/** One sentence that says what to do now. */
export function hintOf(e: UpdateError): string {
  return e.hint ?? HINTS[e.code];
}
