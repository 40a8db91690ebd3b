import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Field } from "../../../src/trust/fields.ts";
import { fromHex } from "../../../src/trust/hex.ts";
import { type Json, parseJson } from "../../../src/trust/json.ts";
import { refused } from "../../support/refused.ts";

const field = (value: Json | undefined) => new Field(value, "doc");
const malformed = (work: () => unknown) => refused("E_MALFORMED", work);

describe("a field", () => {
  test("is read as what it is and refused as anything else", () => {
    const readers: [string, (f: Field) => unknown, Json[]][] = [
      ["object", (f) => f.object(), [{}, { a: 1 }]],
      ["array", (f) => f.array(), [[], [1]]],
      ["string", (f) => f.string(), ["", "a"]],
      ["boolean", (f) => f.boolean(), [true, false]],
      ["integer", (f) => f.integer(0), [0, 1]],
    ];
    const values: Json[] = [null, {}, { a: 1 }, [], [1], "", "a", true, false, 0, 1];
    for (const [name, read, good] of readers) {
      for (const value of values) {
        if (good.some((g) => JSON.stringify(g) === JSON.stringify(value))) {
          assert.doesNotThrow(() => read(field(value)), name);
        } else malformed(() => read(field(value)));
      }
      malformed(() => read(field(undefined)));
    }
  });

  test("is optional only where it is absent: null is a value", () => {
    const f = field({ a: null });
    assert.equal(f.get("b").optional((x) => x.string()), undefined);
    malformed(() => f.get("a").optional((x) => x.string()));
  });

  test("has bounds", () => {
    assert.equal(field(5).integer(5), 5);
    malformed(() => field(4).integer(5));
    assert.equal(field("abc").line(3), "abc");
    malformed(() => field("abcd").line(3));
    for (const c of ["\u0000", "\n", "\u001b", "\u007f", "\u009b", "\u2028", "\u2029", "\u202e", "\u2067"]) {
      malformed(() => field(`a${c}b`).line());
    }
    assert.equal(field("b").oneOf(["a", "b"]), "b");
    malformed(() => field("c").oneOf(["a", "b"]));
  });

  test("hex is lowercase and of one length", () => {
    assert.equal(field("00ff").hex(2), "00ff");
    for (const bad of ["", "00f", "00ff0", "00FF", "0x00", "00fg", "００ff", "00ff\n"]) {
      malformed(() => field(bad).hex(2));
    }
    assert.equal(fromHex("00FF", 2), undefined);
    assert.deepEqual(fromHex("00ff", 2), Uint8Array.of(0, 255));
  });

  test("__proto__ is found only where the document has it", () => {
    const doc = (text: string) => new Field(parseJson(new TextEncoder().encode(text), "doc"), "doc");
    assert.equal(doc("{}").get("__proto__").present, false);
    assert.equal(doc("{}").get("constructor").present, false);
    assert.equal(doc('{"__proto__":"x"}').get("__proto__").string(), "x");
  });

  test("says where it is, with strange keys escaped and cut", () => {
    const e = malformed(() => field({}).get("a").get(`\u001b${"k".repeat(500)}`));
    assert.match(e.message, /^doc\.a: /);
    const strange = malformed(() => field({ "\u001b": 1 }).get("\u001b").get("b"));
    assert.match(strange.message, /^doc\["\\u001b"\]/);
    assert.ok(field({}).get("k".repeat(9999)).where.length < 100);
  });
});

describe("a time of TUF", () => {
  const good: [string, number][] = [
    ["1970-01-01T00:00:00Z", 0],
    ["2026-01-31T23:59:59Z", Date.UTC(2026, 0, 31, 23, 59, 59)],
    ["2024-02-29T00:00:00Z", Date.UTC(2024, 1, 29)],
    ["9999-12-31T23:59:59Z", Date.UTC(9999, 11, 31, 23, 59, 59)],
  ];
  for (const [text, ms] of good) test(`${text} is one`, () => assert.equal(field(text).tufTime(), ms));

  const bad = [
    "",
    "2026-01-31",
    "2026-01-31T00:00:00",
    "2026-01-31T00:00:00z",
    "2026-01-31t00:00:00Z",
    "2026-01-31 00:00:00Z",
    "2026-01-31T00:00:00.000Z",
    "2026-01-31T00:00:00+00:00",
    "2026-02-30T00:00:00Z",
    "2025-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T23:60:00Z",
    "2026-01-01T23:59:60Z",
    "+02026-01-01T00:00:00Z",
    "12026-01-01T00:00:00Z",
    "2026-1-1T0:0:0Z",
    " 2026-01-31T00:00:00Z",
    "2026-01-31T00:00:00Z\n",
    "Jan 31 2026",
    "tomorrow",
    "9".repeat(1e6),
  ];
  for (const text of bad) {
    test(`${JSON.stringify(text.slice(0, 40))} is none`, () => void malformed(() => field(text).tufTime()));
  }
});

describe("an RFC 3339 time", () => {
  test("may have a fraction and an offset, and is given back as written", () => {
    for (const text of ["2026-01-31T00:00:00Z", "2026-01-31T00:00:00.123456789Z", "2026-01-31T23:00:00+05:30"]) {
      assert.equal(field(text).rfc3339(), text);
    }
    for (
      const text of ["2026-02-30T00:00:00+01:00", "2026-01-31T00:00:00+24:00", "2026-01-31T00:00:00,5Z", "2026-01-31"]
    ) {
      malformed(() => field(text).rfc3339());
    }
  });
});
