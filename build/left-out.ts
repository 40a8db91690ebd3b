// The esbuild plugin that leaves files of packages out which none of our calls can reach. Reached all the same, they throw.
// Design: "One bundled file" of docs/architecture.md; what it saves is measured in docs/decisions/0015.
// Must not: leave out anything that a peer or a server can make us need.
import type { Plugin } from "esbuild";

interface LeftOut {
  readonly file: RegExp;
  /** What stands in its place; `fail` throws. */
  readonly contents: string;
  readonly reason: string;
}

const ONLY_ED25519 = "peers have Ed25519 identities";

const LEFT_OUT: readonly LeftOut[] = [
  {
    file: /@libp2p\/noise\/dist\/src\/crypto\/index\.js$/,
    contents: "export const defaultCrypto = {}",
    reason: "src/heavy/noise-crypto.ts is in its place",
  },
  {
    file: /@libp2p\/noise\/dist\/src\/crypto\/js\.js$/,
    contents: "export const pureJsCrypto = {}",
    reason: "src/heavy/noise-crypto.ts is in its place",
  },
  {
    file: /@libp2p\/crypto\/dist\/src\/keys\/secp256k1\/index\.js$/,
    contents: "export const publicKeyLength = 33, privateKeyLength = 32",
    reason: ONLY_ED25519,
  },
  {
    file: /@libp2p\/crypto\/dist\/src\/keys\/secp256k1\/utils\.js$/,
    contents: names("generateSecp256k1KeyPair", "unmarshalSecp256k1PrivateKey", "unmarshalSecp256k1PublicKey"),
    reason: ONLY_ED25519,
  },
  {
    file: /@libp2p\/crypto\/dist\/src\/keys\/rsa\/utils\.js$/,
    contents: names(
      "pkcs1ToRSAPrivateKey",
      "pkixToRSAPublicKey",
      "generateRSAKeyPair",
      "pkcs1MessageToRSAPrivateKey",
      "pkixMessageToRSAPublicKey",
      "jwkToRSAPrivateKey",
    ),
    reason: ONLY_ED25519,
  },
  {
    file: /@libp2p\/crypto\/dist\/src\/keys\/rsa\/der\.js$/,
    contents: names("decodeDer", "encodeBitString", "encodeInteger", "encodeOctetString", "encodeSequence"),
    reason: ONLY_ED25519,
  },
  {
    file: /@libp2p\/crypto\/dist\/src\/keys\/ecdsa\/utils\.js$/,
    contents: names(
      "generateECDSAKeyPair",
      "pkiMessageToECDSAPrivateKey",
      "pkiMessageToECDSAPublicKey",
      "unmarshalECDSAPrivateKey",
      "unmarshalECDSAPublicKey",
    ),
    reason: ONLY_ED25519,
  },
  {
    file: /@libp2p\/crypto\/dist\/src\/keys\/ecdsa\/ecdsa\.js$/,
    contents: names("ECDSAPrivateKey"),
    reason: ONLY_ED25519,
  },
  {
    file: /@noble\/curves\/ed25519\.js$/,
    contents: "export const ed25519 = { getPublicKey: fail }, x25519 = {}",
    reason: "the runtime's own Ed25519 and X25519 are used",
  },
  {
    file: /@libp2p\/gossipsub\/dist\/src\/metrics\.js$/,
    contents: `const label = new Proxy({}, { get: (_, name) => name });
      export const MessageSource = label, InclusionReason = label, ChurnReason = label, ScorePenalty = label,
        IHaveIgnoreReason = label, IDontWantSkipPath = label, ScoreThreshold = label, getMetrics = fail`,
    reason: "no register of metrics is given to it",
  },
];

/** ES exports that throw when they are called. */
function names(...all: readonly string[]): string {
  return `export const ${all.map((name) => `${name} = fail`).join(", ")}`;
}

export const leftOut: Plugin = {
  name: "left-out",
  setup(build) {
    build.onLoad({ filter: /\.js$/ }, ({ path }) => {
      const found = LEFT_OUT.find(({ file }) => file.test(path.replaceAll("\\", "/")));
      if (found === undefined) return undefined;
      const message = JSON.stringify(`left out of this build: ${found.reason}`);
      return { contents: `const fail = () => { throw new Error(${message}) }; ${found.contents}` };
    });
  },
};
