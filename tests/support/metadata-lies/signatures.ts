// Metadata whose signatures do not carry it. Every role has two keys and needs both; whatever names the forged file
// was signed properly, as by an attacker who holds all keys but those of one role.
import { canonicalBytes, type Json } from "../../../src/trust/json.ts";
import { at, jsonFile, type MutableObject, put, sha256, signatureOf, signedFile, testKey } from "../signed-file.ts";
import { forge, says, type Sign } from "./forge.ts";
import { baseOf, lieOver, type MetadataLie, ROLES } from "./metadata-lie.ts";

/** An envelope with exactly these signatures. */
function envelope(signed: Json, signatures: readonly { readonly keyid: string; readonly sig: string }[]): Uint8Array {
  return jsonFile({ signatures: signatures.map((s) => ({ ...s })), signed });
}

const strangers = [testKey("a stranger"), testKey("another stranger")];

/** By title: how the two keys `a` and `b` of a role fail to sign. */
const SIGNINGS: Readonly<Record<string, { readonly code: MetadataLie["code"]; readonly sign: Sign }>> = {
  "no signature": { code: "E_THRESHOLD", sign: (signed) => signedFile(signed, []) },
  "too few signatures": { code: "E_THRESHOLD", sign: (signed, keys) => signedFile(signed, keys.slice(0, 1)) },
  "signatures of unknown keys": { code: "E_UNTRUSTED_KEY", sign: (signed) => signedFile(signed, strangers) },
  "one signature given twice": {
    code: "E_MALFORMED",
    sign: (signed, [a]) => signedFile(signed, a === undefined ? [] : [a, a]),
  },
  "one key under its own id and an invented one": {
    code: "E_THRESHOLD",
    sign: (signed, [a = strangers[0]!]) => {
      const sig = signatureOf(canonicalBytes(signed), a);
      return envelope(signed, [{ keyid: a.id, sig }, { keyid: sha256(a.publicKey), sig }]);
    },
  },
  "one key under its own id and the other's": {
    code: "E_SIGNATURE",
    sign: (signed, [a = strangers[0]!, b = strangers[0]!]) => {
      const sig = signatureOf(canonicalBytes(signed), a);
      return envelope(signed, [{ keyid: a.id, sig }, { keyid: b.id, sig }]);
    },
  },
  "content changed after signing": {
    code: "E_SIGNATURE",
    sign: (signed, keys) => {
      const document = JSON.parse(new TextDecoder().decode(signedFile(signed, keys)));
      put(document, ["signed", "x-added"], "later");
      return jsonFile(document);
    },
  },
};

export const SIGNATURE_LIES: readonly MetadataLie[] = [
  ...ROLES.flatMap((role) =>
    Object.entries(SIGNINGS).map(([title, { code, sign }]) =>
      lieOver(
        "twoOfTwo",
        { title: `a ${role} with ${title}`, code, verdict: "lie" },
        ({ repository }) => forge(repository, { signs: { [role]: sign } }),
      )
    )
  ),
  ...ROLES.filter((role) => role !== "root").map((role): MetadataLie => ({
    title: `a ${role} signed by the keys of another role`,
    code: "E_UNTRUSTED_KEY",
    verdict: "lie",
    async tell() {
      const { repository, known, honest } = await baseOf("twoOfTwo");
      const others = repository.signers("root");
      return {
        repository,
        known,
        honest,
        lying: forge(repository, { signs: { [role]: (signed) => signedFile(signed, others) } }),
      };
    },
  })),
  ...([
    ["names one public key under the id of another", underAnotherId],
    ["names one public key under two ids that are both hashes of it", twoHashes],
    ["names one key id twice", (root: MutableObject) => put(root, ["roles", "timestamp", "keyids", 1], idOf(root, 0))],
    ["needs no signature", says(["roles", "timestamp", "threshold"], 0)],
  ] as const).map(([title, say]) =>
    lieOver(
      "twoOfTwo",
      { title: `a root, signed by all, that ${title}`, code: "E_MALFORMED", verdict: "lie" },
      ({ repository }) => forge(repository, { says: { root: say } }),
    )
  ),
];

const idOf = (root: MutableObject, i: number): string => String(at(root, "roles", "timestamp", "keyids", i));

function underAnotherId(root: MutableObject): void {
  put(root, ["keys", idOf(root, 1)], structuredClone(at(root, "keys", idOf(root, 0))));
}

/** An id may be the hash of a key with the fields somebody added, so that one key has any number of them. */
function twoHashes(root: MutableObject): void {
  const annotated = { ...at(root, "keys", idOf(root, 0)) as MutableObject, "x-note": "the same again" };
  const second = sha256(canonicalBytes(annotated));
  put(root, ["keys", second], annotated);
  put(root, ["roles", "timestamp", "keyids", 1], second);
}
