// What a download tells while it runs. Design: "progress bar" of docs/cli.md. Must not: hold any behaviour.

import type { UpdateError } from "../errors.ts";

/** What a source gives at the moment. */
export interface SourceRate {
  readonly id: string;
  readonly bytesPerSecond: number;
}

export type DownloadEvent =
  /** Another process is at work on the same artifact. */
  | { readonly type: "waiting"; readonly pid: number }
  /** Bytes already on disk are hashed. */
  | { readonly type: "hashing"; readonly bytes: number; readonly total: number }
  /** This source is asked now. */
  | { readonly type: "source"; readonly id: string }
  | {
    readonly type: "progress";
    readonly bytes: number;
    readonly total: number;
    /** Those that gave something. */
    readonly sources: readonly SourceRate[];
  }
  /** It gave nothing, or broke. */
  | { readonly type: "failed"; readonly source: string; readonly error: UpdateError }
  /** It gave wrong bytes, and is asked no more. */
  | { readonly type: "refused"; readonly source: string; readonly error: UpdateError };
