// The nouns every other file speaks in. Design: "The interfaces" of docs/architecture.md.
// Must not: import anything, hold any behaviour.

/** Every operation takes one; aborting the signal is the only way to stop work. */
export interface Opts {
  readonly signal: AbortSignal;
}

declare const proven: unique symbol;

/** A value that was proven from signed metadata or measured digests. Only `src/trust/` makes one. */
export type Verified<T> = T & { readonly [proven]: true };

/** By which channel bytes come. */
export type SourceKind = "cache" | "https" | "ipfs" | "bittorrent" | "peer";

/** How steady a release is. */
export type Channel = "stable" | "beta" | "nightly";
/** What a file of a release is for: a program, its source, or a package for another tool. */
export type PackageType = "binary" | "source" | "docker-image" | "deb" | "rpm" | "apk";
/** How a file is packed; "opaque" is for other tools to know. */
export type PackageFormat = "executable" | "tar.gz" | "tar.zst" | "zip" | "opaque";
/** What an upgrade asks of the network; governors may need more weight for some. */
export type UpgradeType = "soft-fork" | "hard-fork" | "security-patch" | "feature-toggle";

/** One file of one release, for one platform, as the signed targets metadata describes it. */
export interface Artifact {
  /** TUF target path, `dchat/<version>/<name>`. */
  readonly path: string;
  /** File name, `dchat-<version>-<platform>` plus the extension of its format. */
  readonly name: string;
  /** Semantic version without a leading "v". */
  readonly version: string;
  /** `linux-x64`, `windows-x64`, `macos-arm64`, … */
  readonly platform: string;
  readonly packageType: PackageType;
  readonly format: PackageFormat;
  /** Path of the program inside an archive. */
  readonly entrypoint?: string;
  readonly channel: Channel;
  readonly upgradeType: UpgradeType;
  readonly security: boolean;
  /** RFC 3339. */
  readonly releaseDate: string;
  readonly minCompatibleVersion?: string;
  readonly releaseNotesUrl?: string;
  /** Bytes; at least 1. */
  readonly length: number;
  /** 64 lowercase hex digits. */
  readonly sha256: string;
  /** 64 lowercase hex digits. */
  readonly blake3: string;
  /** Ways to make it out of an older artifact, each a file beside it. */
  readonly deltas?: readonly Delta[];
}

/** A file of patches that makes an artifact, piece by piece, out of an older one. */
export interface Delta {
  /** What must be here already: an artifact of the same platform, package type and format. */
  readonly from: { readonly version: string; readonly length: number; readonly sha256: string };
  /** Bytes of the file. */
  readonly length: number;
  /** Of the head of the file, which has the digests of all that follows; 64 lowercase hex digits. */
  readonly headSha256: string;
}

/** Both digests and the length of some bytes: measured here and now, or signed. */
export interface Digests {
  readonly length: number;
  readonly sha256: string;
  readonly blake3: string;
}

/** A file on this disk. */
export interface LocalFile {
  readonly file: string;
  readonly artifact: Artifact;
}

/** A supplier of metadata files. Its bytes are untrusted. */
export interface Mirror {
  readonly id: string;
  /**
   * @param path relative path, percent-encoded, such as `metadata/2.root.json`
   * @param maxBytes more than this is an error (E_TOO_LARGE), raised before more than this is buffered
   * @throws UpdateError E_ABSENT when the mirror has no such file; E_UNREACHABLE, E_TIMEOUT, … otherwise
   */
  fetch(path: string, maxBytes: number, o: Opts): Promise<Uint8Array>;
}

/** Of a read of pieces. */
export interface ReadOpts extends Opts {
  /** The caller is done with a chunk when it asks for the next one: its memory may be used again, which is faster. */
  readonly reusesChunks?: boolean;
  /** Where the caller would have the bytes. */
  readonly roomAt?: RoomAt;
}

/**
 * Memory for bytes before they come: a source that receives into it saves a copy. What lies there is given to the caller
 * like all other bytes, as a chunk. The memory is the caller's; nothing is written to it when the read has ended.
 * @param offset in what is read, at most a piece ahead of what the caller was given
 * @returns where the byte at `offset` and those behind it belong; undefined: anywhere
 */
export type RoomAt = (offset: number) => Uint8Array<ArrayBuffer> | undefined;

/** Which pieces of an artifact a supplier has. A piece is 1 MiB, the last one may be shorter. */
export interface PieceSet {
  /** @param index of the piece, from 0 */
  has(index: number): boolean;
}

/** A supplier of one artifact's pieces. Its bytes are untrusted. */
export interface Source {
  /** "https://a.example/dchat", "cache", … */
  readonly id: string;
  readonly kind: SourceKind;
  /** Lower is asked first; equal priorities are one class, asked side by side. */
  readonly priority: number;
  /**
   * Makes ready to read; need not ask anybody yet, so that what is absent may come to light only at the first read.
   * @throws UpdateError E_ABSENT when the supplier does not have it; E_UNREACHABLE, E_TIMEOUT, … otherwise
   */
  open(a: Verified<Artifact>, o: Opts): Promise<PieceReader>;
}

/** An artifact at one supplier, being read. Several reads may run at a time. */
export interface PieceReader {
  /** What it has by now. */
  have(): PieceSet;
  /** What it has, each time that grows; ends when it cannot grow any more. */
  changed(o: Opts): AsyncIterable<PieceSet>;
  /**
   * True once it is known that reading from anywhere but the beginning costs everything before: a server without
   * ranges. It is then read once, from the first piece on. May become true by a read that failed for that reason.
   */
  readonly isSequential: boolean;
  /**
   * True when all its reads share one connection: a read that is silent may wait behind the others, and another one would
   * wait as well.
   */
  readonly sharesLine?: boolean;
  /**
   * The bytes of `count` pieces from `first` on, in order, in chunks of any size; an empty one is a sign of life. May
   * yield fewer or more than these pieces have: the caller counts and proves. A chunk is the caller's to keep, unless it
   * said otherwise.
   * @throws UpdateError E_ABSENT, E_UNREACHABLE, E_TIMEOUT, E_HTTP_STATUS, E_SIZE_MISMATCH, …
   */
  read(first: number, count: number, o: ReadOpts): AsyncIterable<Uint8Array>;
  /**
   * The chaining values of all pieces, 32 bytes each. Untrusted: right if they merge to the signed digest.
   * @throws UpdateError E_ABSENT when the supplier has no list; E_UNREACHABLE, …
   */
  pieceList(o: Opts): Promise<Uint8Array>;
  /** For a reader that makes pieces on this machine: out of which version, and for how many bytes from the network. */
  readonly made?: { readonly from: string; fetchedBytes(): number };
  /** Gives up what it holds; reads that run end. Never throws. */
  close(): Promise<void>;
}
