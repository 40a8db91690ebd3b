// What the piece store and the thread that owns its file say to each other. Requests are answered in their order.
// Design: "Where the bytes go" of docs/architecture.md.
// Must not: import what the store's worker does not need.

import type { Digests } from "../api.ts";
import type { ErrorCode } from "../errors.ts";

/** Which artifact, and where it is. */
export interface StoreStart {
  /** Absolute paths. */
  readonly file: string;
  readonly mapFile: string;
  /** Of the artifact, as signed. */
  readonly length: number;
  readonly blake3: string;
}

/** What a worker is started with. */
export interface StoreWorkerStart extends StoreStart {
  /** Module of the kernel that suits the host. */
  readonly wasm: Uint8Array<ArrayBuffer>;
}

export type StoreRequest =
  /** `value` is the chaining value of what is in the buffer, 32 bytes of their own, if it was measured already. */
  | {
    readonly type: "put";
    readonly index: number;
    readonly buffer: ArrayBuffer;
    readonly value?: Uint8Array | undefined;
  }
  | { readonly type: "list"; readonly list: Uint8Array }
  | { readonly type: "clear" }
  | { readonly type: "seal" }
  | { readonly type: "close" };

/** What each request is answered with when all went well. */
export interface StoreResults {
  /** `value` is the measured one, while no list is proven. */
  put: { readonly isRight: boolean; readonly value: Uint8Array | undefined };
  /** Indexes of the pieces that were dropped. */
  list: number[];
  clear: void;
  seal: Digests;
  close: void;
}

/** What an earlier run left, proven again. */
export interface FoundPieces {
  readonly marks: Uint8Array;
  readonly values: Uint8Array;
  readonly isListed: boolean;
  readonly hashedPieces: number;
}

/** An error without its class: what a clone of it keeps differs from runtime to runtime. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
}

export type Outcome<T> = { readonly value: T } | { readonly error: PlainError };

export type StoreMessage =
  /** Bytes of an earlier run proven so far. */
  | { readonly type: "hashing"; readonly bytes: number }
  /** The first thing said, but for the one above. After an error every request is answered with it. */
  | { readonly type: "opened"; readonly outcome: Outcome<FoundPieces> }
  | {
    readonly type: "answer";
    readonly outcome: Outcome<StoreResults[StoreRequest["type"]]>;
    /** The buffer of a put, back again. */
    readonly buffer: ArrayBuffer | undefined;
    readonly hashedPieces: number;
  };
