// The nouns every other file speaks in. Design: "The interfaces" of docs/architecture.md.
// Must not: import anything, hold any behaviour.

/** Every operation takes one; aborting the signal is the only way to stop work. */
export interface Opts {
  readonly signal: AbortSignal;
}

declare const proven: unique symbol;

/** A value that was proven from signed metadata or measured digests. Only `src/trust/` makes one. */
export type Verified<T> = T & { readonly [proven]: true };

export type SourceKind = "cache" | "https" | "ipfs" | "bittorrent" | "peer";

export type Channel = "stable" | "beta" | "nightly";
export type PackageType = "binary" | "source" | "docker-image" | "deb" | "rpm" | "apk";
export type PackageFormat = "executable" | "tar.gz" | "tar.zst" | "zip" | "opaque";
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
}

/** Both digests and the length of some bytes, measured here and now. */
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

/** A supplier of one artifact's bytes. Its bytes are untrusted. */
export interface Source {
  /** "https://a.example/dchat", "cache", … */
  readonly id: string;
  readonly kind: SourceKind;
  /** Lower is asked first. */
  readonly priority: number;
  /**
   * The artifact's bytes from `offset` to its end, in order, in chunks of any size.
   * May yield fewer or more bytes than the artifact has: the caller counts and proves.
   * @throws UpdateError E_ABSENT when the supplier does not have it; E_UNREACHABLE, E_TIMEOUT, … otherwise
   */
  read(a: Verified<Artifact>, offset: number, o: Opts): AsyncIterable<Uint8Array>;
}
