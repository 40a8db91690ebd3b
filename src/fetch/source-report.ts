// What one source did for a download: for the last lines of the output, and for the memory of mirrors.
// Design: "download" of docs/cli.md. Must not: hold any behaviour.

import type { SourceKind } from "../api.ts";
import type { UpdateError } from "../errors.ts";

/** How it ended for a source. `used`: it sent something, if only later than others. `unused`: nobody had to ask it. */
export type SourceOutcome = "used" | "unused" | "absent" | "failed" | "refused";

export interface SourceReport {
  readonly id: string;
  readonly kind: SourceKind;
  readonly outcome: SourceOutcome;
  /** Pieces of the artifact that it supplied and that were right. */
  readonly pieces: number;
  /** Bytes it sent in all, those that were of no use included. */
  readonly bytes: number;
  /** Bytes it did not have to send, because its pieces were made here of an older version. */
  readonly reusedBytes: number;
  /** That version; null where nothing is made here. */
  readonly madeFrom: string | null;
  /** While at least one read of it was running; null when it sent nothing, or not what it supplied. */
  readonly bytesPerSecond: number | null;
  /** From asking to the first byte, of its first read; null when it sent nothing. */
  readonly latencyMs: number | null;
  /** Pieces and piece lists that were wrong. */
  readonly lies: number;
  /** Reads that broke. */
  readonly failures: number;
  /** It gave pieces, and then failed more than once without another one. */
  readonly brokeOff: boolean;
  /** The gravest thing that went wrong with it, if anything did. */
  readonly error: UpdateError | undefined;
}
