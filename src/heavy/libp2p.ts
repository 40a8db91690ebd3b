// The part of libp2p that the product uses: TCP, Noise, Yamux, Identify, Ping, GossipSub, mDNS, Ed25519 identities.
// Design: "The network of nodes" of docs/architecture.md. The bundle holds this file compressed (build.ts).
// What the build leaves out of these packages is listed in build/left-out.ts.
// Must not: import anything of src/ but this folder; be imported other than by `import()` in this folder.
export { generateKeyPair, privateKeyFromRaw } from "@libp2p/crypto/keys";
export { gossipsub, TopicValidatorResult } from "@libp2p/gossipsub";
export { identify } from "@libp2p/identify";
export { mdns } from "@libp2p/mdns";
export { noise } from "@libp2p/noise";
export { peerIdFromString } from "@libp2p/peer-id";
export { ping } from "@libp2p/ping";
export { tcp } from "@libp2p/tcp";
export { yamux } from "@libp2p/yamux";
export { multiaddr } from "@multiformats/multiaddr";
export { createLibp2p } from "libp2p";
export { noiseCrypto } from "./noise-crypto.ts";
