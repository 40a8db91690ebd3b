// The HTTP client library, loaded when the first request is made. Design: "One file" of docs/architecture.md.
// Must not: be imported by anything that works without a network.

/** Loads undici. */
export async function loadUndici(): Promise<typeof import("undici")> {
  // By its file: Bun answers the bare name with an imitation of its own. The file has no types; these are the package's.
  return (await import("undici/index.js")) as unknown as typeof import("undici");
}
