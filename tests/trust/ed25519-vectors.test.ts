import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { sign } from "node:crypto";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { createEd25519, verifyEd25519 } from "../../src/trust/ed25519.ts";
import { nativeEd25519, TRIAL_KEY, TRIAL_MIXED, TRIAL_RIGHT, TRIAL_WRONG } from "../../src/trust/native-ed25519.ts";
import { runtimes } from "../runtimes/runtimes.ts";
import { testKey } from "../support/signed-file.ts";
import { edgeCases } from "./ed25519-edge-cases.ts";
import {
  readSpeccheck,
  readWycheproof,
  type SignatureVector,
  type VerdictReport,
  verdicts,
} from "./ed25519-vectors.ts";
import {
  acceptedByCofactoredEquation,
  acceptedByRule,
  decode,
  fromBytes,
  IDENTITY,
  L,
  P,
  pointAt,
  same,
  times,
} from "./edwards25519.ts";
import { tempFolder } from "../support/temp-folder.ts";

const vectorFile = (name: string) => fileURLToPath(new URL(`../../../shared/vectors/${name}`, import.meta.url));
const WYCHEPROOF = vectorFile("ed25519-wycheproof.json");
const SPECCHECK = vectorFile("ed25519-speccheck.json");
const published = existsSync(WYCHEPROOF) && existsSync(SPECCHECK);
const skip = published ? false : "the published vectors are not beside the project; generated cases are still tested";

/** As in a web page. */
const verifyOwn = createEd25519(() => undefined);

describe("generated edge cases", () => {
  const cases = edgeCases();

  test("are many and of both kinds", () => {
    assert.ok(cases.filter((c) => c.accepted).length >= 30);
    assert.ok(cases.filter((c) => !c.accepted).length >= 150);
    assert.equal(new Set(cases.map((c) => c.name)).size, cases.length);
  });

  for (const c of cases) {
    test(`${c.accepted ? "accepted" : "refused"}: ${c.name}`, () => {
      assert.equal(verifyEd25519(c.signature, c.message, c.publicKey), c.accepted);
      assert.equal(verifyOwn(c.signature, c.message, c.publicKey), c.accepted, "without the host's verifier");
      assert.equal(acceptedByRule(c.signature, c.message, c.publicKey), c.accepted, "the case itself is wrong");
    });
  }

  test("those called 'equation holds' do hold for verifiers that only check the equation", () => {
    const holding = cases.filter((c) =>
      /equation holds|that cancel|only with cofactor/.test(c.name) && decode(c.publicKey)
    );
    assert.ok(holding.length > 30);
    for (const c of holding) assert.ok(acceptedByCofactoredEquation(c.signature, c.message, c.publicKey), c.name);
  });
});

describe("signatures of an independent signer", () => {
  test("are accepted as made, and refused with any bit turned", () => {
    const key = testKey("independent");
    const message = new TextEncoder().encode("signed by node:crypto");
    const signature = new Uint8Array(sign(null, message, key.privateKey));
    assert.equal(verifyEd25519(signature, message, key.publicKey), true);
    for (let bit = 0; bit < 512; bit += 5) {
      const turned = Uint8Array.from(signature, (b, i) => (i === bit >> 3 ? b ^ (1 << (bit & 7)) : b));
      assert.equal(verifyEd25519(turned, message, key.publicKey), false, `bit ${bit}`);
    }
  });
});

describe("Wycheproof", { skip }, () => {
  test("all 151 verdicts are the published ones", () => {
    const vectors = readWycheproof(readFileSync(WYCHEPROOF, "utf8"));
    assert.equal(vectors.length, 151);
    for (const v of vectors) {
      assert.equal(verifyEd25519(v.signature, v.message, v.publicKey), v.valid, `case ${v.id}: ${v.comment}`);
      assert.equal(verifyOwn(v.signature, v.message, v.publicKey), v.valid, `case ${v.id}: ${v.comment}`);
    }
  });
});

describe("speccheck", { skip }, () => {
  // All twelve lie outside the rule, whichever equation a verifier uses; here is what puts each outside, as the second
  // opinion computes it. Cases 3 and 4 differ only in the equation, 8 and 9 and 10 and 11 only in what is hashed.
  const reasons = [
    "A of small order; R of small order",
    "A of small order; R of mixed order",
    "A of mixed order; R of small order",
    "A of mixed order; R of mixed order",
    "A of mixed order; R of mixed order",
    "A of mixed order",
    "S not below L",
    "S not below L",
    "A of mixed order; R of small order, not canonical",
    "A of mixed order; R of small order, not canonical",
    "A of small order, not canonical; R of mixed order",
    "A of small order, not canonical; R of mixed order",
  ];

  test("all 12 are refused, each for the reason it was made for", () => {
    const vectors = readSpeccheck(readFileSync(SPECCHECK, "utf8"));
    assert.equal(verdicts(vectors), "0".repeat(12));
    assert.equal(verdicts(vectors, verifyOwn), "0".repeat(12));
    assert.deepEqual(vectors.map((v) => flaws(v)), reasons);
  });
});

/** What the rule has against a vector, by the second opinion's arithmetic. */
function flaws(v: SignatureVector): string {
  const s = fromBytes(v.signature.slice(32)) >= L ? "S not below L" : "";
  return [flawOf("A", v.publicKey), flawOf("R", v.signature.slice(0, 32)), s].filter((f) => f !== "").join("; ");
}

function flawOf(name: string, bytes: Uint8Array): string {
  const n = fromBytes(bytes), y = n & (2n ** 255n - 1n);
  const point = pointAt(y % P, n >> 255n) ?? pointAt(y % P, 0n); // as a lenient reader would take it
  if (point === undefined) return `${name} not on the curve`;
  const spelling = decode(bytes) === undefined ? ", not canonical" : "";
  if (same(times(8n, point), IDENTITY)) return `${name} of small order${spelling}`;
  return same(times(L, point), IDENTITY) ? "" : `${name} of mixed order${spelling}`;
}

describe("the host's verifier", () => {
  const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
  const none = new Uint8Array();

  test("is tried with what tells its kind", () => {
    const by = (judge: typeof acceptedByRule) =>
      [TRIAL_RIGHT, TRIAL_MIXED, TRIAL_WRONG].map((signature) => judge(hex(signature), none, hex(TRIAL_KEY)));
    assert.deepEqual(by(acceptedByRule), [true, false, false]);
    assert.deepEqual(by(acceptedByCofactoredEquation), [true, true, false]);
  });

  const kinds: [string, (signature: string) => boolean][] = [
    ["takes the cofactor into account", (s) => s !== TRIAL_WRONG],
    ["accepts everything", () => true],
    ["refuses everything", () => false],
    ["throws", () => {
      throw new Error("not supported");
    }],
  ];
  for (const [kind, says] of kinds) {
    test(`is not asked when it ${kind}`, () => {
      const crypto = {
        createPublicKey: () => ({}),
        verify: (_: null, _message: Uint8Array, _key: object, signature: Uint8Array) =>
          says(Buffer.from(signature).toString("hex")),
      };
      assert.equal(nativeEd25519({ process: { getBuiltinModule: () => crypto } }), undefined);
    });
  }

  test("is not there in a page", () => {
    assert.equal(nativeEd25519({}), undefined);
    assert.equal(nativeEd25519({ process: {} }), undefined);
  });

  test("that would not say is no verdict", () => {
    const verify = createEd25519(() => () => undefined);
    for (const c of edgeCases()) assert.equal(verify(c.signature, c.message, c.publicKey), c.accepted, c.name);
  });

  test("is believed in nothing but the equation", () => {
    const yes = createEd25519(() => () => true);
    const by = (name: RegExp) => edgeCases().filter((c) => name.test(c.name));
    const odd = [...by(/^A of |^A with |^A not |^S \+ |^S of |bytes$/), ...by(/R = identity|^R of order 1 \(0\)$/)];
    assert.ok(odd.length > 100, `${odd.length}`);
    const refused = odd.filter((c) => !c.accepted && c.name !== "S + 1");
    for (const c of refused) assert.equal(yes(c.signature, c.message, c.publicKey), false, c.name);
  });
});

describe("every runtime", () => {
  let folder = "";
  before(() => {
    folder = tempFolder("ed25519-verdicts");
  });
  after(() => rmSync(folder, { recursive: true }));

  test("gives the same verdicts", async () => {
    const script = join(folder, "ed25519-verdicts.mjs");
    await build({
      entryPoints: [fileURLToPath(new URL("ed25519-verdicts.ts", import.meta.url))],
      bundle: true,
      platform: "node",
      format: "esm",
      outfile: script,
      logLevel: "error",
    });
    const files = published ? [WYCHEPROOF, SPECCHECK] : [];
    const here = verdicts(edgeCases());
    const digests = new Map<string, string>();
    for (const runtime of runtimes()) {
      const [program, ...args] = runtime.fileCommand(script, files);
      const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
      assert.equal(status, 0, `${runtime.name}: ${stderr}`);
      const report = JSON.parse(stdout) as VerdictReport; // our own script's line
      assert.equal(report.edgeCases, here, runtime.name);
      digests.set(runtime.name, report.sha256);
      assert.equal(report.ownSha256, report.sha256, `${runtime.name}: with its own verifier and without`);
      assert.ok(report.isNative, `${runtime.name} has one`);
      console.log(
        `${runtime.name}: ${report.verificationMs} ms a verification, verdicts ${report.sha256.slice(0, 16)}`,
      );
    }
    assert.equal(new Set(digests.values()).size, 1, JSON.stringify([...digests]));
  });
});
