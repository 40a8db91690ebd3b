// Loads the peer-to-peer library when a node is started. Design: "One bundled file" of docs/architecture.md.
// Must not: be imported by anything that works without the network of nodes.

export type Libp2pLibrary = typeof import("./libp2p.ts");

export function loadLibp2p(): Promise<Libp2pLibrary> {
  return import("./libp2p.ts");
}
