// The part of undici that the product uses, by its own file: no fetch, WebSocket, proxies, mocks, caches.
// Design: "One bundled file" of docs/architecture.md. The bundle holds this file compressed (build.ts).
// By file and not by name because undici's index replaces the process's global dispatcher, which a library must
// not do, and because Bun answers the bare name with an imitation of its own.
// Must not: import anything of src/; be imported other than by `import()` in this folder.
import type * as undici from "undici";
import pool from "undici/lib/dispatcher/pool.js";

// undici's inner files have no types; this is the package's own for the same thing.
export const Pool = pool as typeof undici.Pool;
