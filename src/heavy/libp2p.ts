// The part of libp2p that the product uses: TCP, Noise, Yamux, Identify, GossipSub, mDNS, Ed25519 identities.
// Design: "The network of nodes" of docs/architecture.md. The bundle holds this file compressed (build.ts).
// What the build leaves out of these packages is listed in build/left-out.ts.
// Must not: import anything of src/ but this folder; be imported other than by `import()` in this folder.
export { generateKeyPair, privateKeyFromRaw } from "@libp2p/crypto/keys";
export { gossipsub, TopicValidatorResult } from "@libp2p/gossipsub";
export { identify } from "@libp2p/identify";
export { mdns } from "@libp2p/mdns";
export { peerIdFromString } from "@libp2p/peer-id";
export { multiaddr } from "@multiformats/multiaddr";
export { createLibp2p } from "libp2p";
export { noiseChannel } from "./noise-channel.ts";
export { noiseCrypto } from "./noise-crypto.ts";
export { streamMuxer } from "./stream-muxer.ts";
export { readingTcp } from "./tcp-reads.ts";
