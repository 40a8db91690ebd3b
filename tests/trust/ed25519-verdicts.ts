// Prints the verdicts of the product's verifier on the generated edge cases and on vector files, as one line of JSON.
// Runs on every runtime: a test bundles it and compares what each prints. Arguments: WYCHEPROOF.json SPECCHECK.json
// Must not: judge the verdicts.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import process from "node:process";
import { createEd25519, verifyEd25519 } from "../../src/trust/ed25519.ts";
import { nativeEd25519 } from "../../src/trust/native-ed25519.ts";
import { edgeCases } from "./ed25519-edge-cases.ts";
import { readSpeccheck, readWycheproof, type VerdictReport, verdicts } from "./ed25519-vectors.ts";

/** Milliseconds of one verification with a key that is known already, as most are in an update. */
function verificationMs(): number {
  const [v] = edgeCases();
  if (v === undefined) throw new Error("no edge cases");
  const once = () => verifyEd25519(v.signature, v.message, v.publicKey);
  for (let i = 0; i < 20; i++) once();
  const rounds = 50, start = performance.now();
  for (let i = 0; i < rounds; i++) once();
  return Number(((performance.now() - start) / rounds).toFixed(2));
}

const [wycheproof, speccheck] = process.argv.slice(2);
const read = {
  edgeCases: edgeCases(),
  wycheproof: wycheproof === undefined ? [] : readWycheproof(readFileSync(wycheproof, "utf8")),
  speccheck: speccheck === undefined ? [] : readSpeccheck(readFileSync(speccheck, "utf8")),
};
function judge(verify: typeof verifyEd25519) {
  const lists = {
    edgeCases: verdicts(read.edgeCases, verify),
    wycheproof: verdicts(read.wycheproof, verify),
    speccheck: verdicts(read.speccheck, verify),
  };
  return { ...lists, sha256: createHash("sha256").update(Object.values(lists).join("\n")).digest("hex") };
}
const report: VerdictReport = {
  ...judge(verifyEd25519),
  ownSha256: judge(createEd25519(() => undefined)).sha256,
  isNative: nativeEd25519() !== undefined,
  verificationMs: verificationMs(),
};
console.log(JSON.stringify(report));
