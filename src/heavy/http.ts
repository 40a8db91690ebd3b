// Loads the HTTP client library when the first request is made. Design: "One bundled file" of docs/architecture.md.
// Must not: be imported by anything that works without a network.

export type Undici = typeof import("./undici.ts");

export function loadUndici(): Promise<Undici> {
  return import("./undici.ts");
}
