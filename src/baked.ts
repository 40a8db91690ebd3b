// What is fixed when the file is built: the version, and a network's trust root and mirrors for a network's own build.
// Design: "One bundled file" of docs/architecture.md. build.ts puts a file with the same exports in this one's place.
// Must not: hold logic; it is not what runs in the bundle.
import config from "../deno.json" with { type: "json" };

/** The product's own version, without a leading "v". */
export const VERSION: string = config.version;

/** The bytes of the root metadata given with `deno task build --root FILE`. */
export const BAKED_ROOT: Uint8Array | undefined = undefined;

/** Repository URLs given with `--mirror URL`, in that order. */
export const BAKED_MIRRORS: readonly string[] = [];
