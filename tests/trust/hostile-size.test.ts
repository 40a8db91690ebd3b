// src/trust against input made to be slow: large, deep, many. It is decided, and in bounded time.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { acceptRoot, pinRoot } from "../../src/trust/client.ts";
import { parseEnvelope, requireThreshold } from "../../src/trust/envelope.ts";
import { canonicalText, type Json, parseJson } from "../../src/trust/json.ts";
import { listReleases } from "../../src/trust/releases.ts";
import { inTime } from "../support/in-time.ts";
import { onlyRefusals } from "../support/only-refusals.ts";
import { jsonFile, type MutableObject, parseFile, sha256, signedFile, testKey } from "../support/signed-file.ts";
import { releaseCustom } from "../support/release-custom.ts";
import { strictClock, update, updated } from "../support/trust-client.ts";
import { createTufRepository } from "../support/tuf-repository.ts";

const NOW = Date.UTC(2026, 0, 1);
const clock = strictClock(NOW);
const text = (s: string) => new TextEncoder().encode(s);

describe("five megabytes made to be slow are decided in time", () => {
  const SIZE = 5_000_000;
  const fill = (unit: string, head = "", tail = "") => text(head + unit.repeat(Math.floor(SIZE / unit.length)) + tail);
  const inputs: Record<string, Uint8Array> = {
    "white space": fill(" "),
    "brackets": fill("["),
    "empty arrays": fill("[],", "[", "1]"),
    "empty objects": fill("{},", "[", "1]"),
    "zeros": fill("0"),
    "one long number": fill("9"),
    "minus signs": fill("-"),
    "one long string": fill("a", '"', '"'),
    "a string without end": fill("a", '"'),
    "escapes": fill("\\n", '"', '"'),
    "surrogate escapes": fill("\\ud83d\\ude00", '"', '"'),
    "backslashes": fill("\\\\", '"', '"'),
    "quotes": fill('"'),
    "short strings": fill('"a",', "[", "1]"),
    "many keys": text(`{${Array.from({ length: 400_000 }, (_, i) => `"${i.toString(36)}":1`).join(",")}}`),
    "many keys that are numbers": text(`{${Array.from({ length: 400_000 }, (_, i) => `"${i * 7919}":1`).join(",")}}`),
    "long keys with one beginning": text(
      `{${Array.from({ length: 500 }, (_, i) => `"${"k".repeat(9_990)}${i}":1`).join(",")}}`,
    ),
    "one key, repeated": fill('"k":1,', "{", '"k":1}'),
    "nested to the limit, side by side": fill(`${"[".repeat(60)}${"]".repeat(60)},`, "[", "1]"),
    "U+FFFF and astral keys": text(
      `{${Array.from({ length: 300_000 }, (_, i) => `"${i % 2 ? "\uffee" : "😀"}${i}":1`).join(",")}}`,
    ),
  };
  for (const [name, bytes] of Object.entries(inputs)) {
    test(name, () => {
      inTime(
        4000,
        `${name}, parsed and written`,
        () => onlyRefusals(name, () => canonicalText(parseJson(bytes, "input"))),
      );
    });
  }
});

describe("many things are handled in time", () => {
  test("100,000 signatures are refused by their number", () => {
    const signatures = Array.from({ length: 100_000 }, (_, i) => ({ keyid: `${i}`, sig: "" }));
    inTime(2000, "100,000 signatures", () => {
      assert.equal(onlyRefusals("x", () => parseEnvelope(jsonFile({ signed: {}, signatures }), "x", 2e7)), "refused");
    });
  });

  test("a root of strangers with 1,000 keys and signatures costs nobody's verification", () => {
    const repo = createTufRepository({ seed: "hostile", nowMs: NOW });
    const { signed } = parseFile(repo.pinnedRoot);
    const strangers = Array.from({ length: 1000 }, (_, i) => testKey(`stranger ${i}`));
    const keys = Object.fromEntries(
      strangers.map((
        k,
      ) => [k.id, {
        keytype: "ed25519",
        scheme: "ed25519",
        keyval: { public: Buffer.from(k.publicKey).toString("hex") },
      }]),
    );
    const evil = signedFile({ ...signed, version: 2, keys } as Json, strangers);
    const compact = text(JSON.stringify(JSON.parse(new TextDecoder().decode(evil))));
    assert.ok(compact.length < 512_000);
    const state = pinRoot(repo.pinnedRoot);
    inTime(
      200,
      "a root of 1,000 strangers",
      () => assert.equal(onlyRefusals("x", () => acceptRoot(state, compact)), "refused"),
    );
  });

  test("a threshold of 200 of 300 keys", () => {
    const keys = Array.from({ length: 300 }, (_, i) => testKey(`many ${i}`));
    const envelope = parseEnvelope(signedFile({ a: 1 }, keys.slice(0, 200)), "x", 1e6);
    const ring = new Map(keys.map((k) => [k.id, k.publicKey]));
    const role = { keyIds: new Set(keys.map((k) => k.id)), threshold: 200 };
    inTime(6000, "200 signatures", () => requireThreshold(envelope, ring, role, "x"));
  });

  test("a listing of as many releases as fit into a targets file", () => {
    const repo = createTufRepository({ seed: "many", nowMs: NOW });
    repo.delegate({ name: "A", paths: ["dchat/*-beta/*"] });
    const targets: MutableObject = {};
    for (let i = 0; i < 8_000; i++) {
      const version = `1.${i >> 4}.${i & 15}`;
      const file = { length: 1, hashes: { sha256: sha256(text(version)) }, custom: releaseCustom(version) };
      targets[`dchat/${version}/dchat-${version}-linux-x64`] = file;
    }
    repo.draft("targets")["targets"] = targets;
    repo.publish();
    repo.replace("targets", text(JSON.stringify(parseFile(repo.bytes("targets")))));
    repo.refresh();
    assert.ok(repo.bytes("targets").length < 5_000_000);
    const state = inTime(3000, "8,000 releases loaded", () => updated(pinRoot(repo.pinnedRoot), repo.files(), clock));
    inTime(1500, "8,000 releases listed", () => assert.equal(listReleases(state, clock).artifacts.length, 8_000));
  });

  test("a listing of 100,000 targets over 31 delegated roles", () => {
    const repo = createTufRepository({ seed: "wide", nowMs: NOW });
    for (let i = 0; i < 31; i++) repo.delegate({ name: `r${i}`, paths: [`dchat/${i}.*/*`, "*", "*/*/*/*"] });
    for (let i = 0; i < 100_000; i++) {
      const role = `r${i % 31}`, path = `dchat/${i % 31}.${i}.0/x`;
      (repo.draft(role)["targets"] as MutableObject)[path] = { length: 1, hashes: { sha256: "00".repeat(32) } };
    }
    repo.publish();
    let state = updated(pinRoot(repo.pinnedRoot), repo.files(), clock);
    for (let i = 0; i < 31; i++) state = update(state, repo.files(), clock, `dchat/${i}.none.0/x`).state;
    assert.equal(state.targets.size, 32);
    inTime(4000, "100,000 targets listed", () => assert.equal(listReleases(state, clock).unusable.length, 100_000));
  });
});
