// Loads the devnet when one is started. Design: "One bundled file" of docs/architecture.md.
// Must not: be imported by anything that works on a real network.

export type Devnet = typeof import("./devnet.ts");

export function loadDevnet(): Promise<Devnet> {
  return import("./devnet.ts");
}
