import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Delegations, matchSegment, readDelegations } from "../../../src/trust/delegations.ts";
import { Field } from "../../../src/trust/fields.ts";
import type { Json, JsonObject } from "../../../src/trust/json.ts";
import { inTime } from "../../support/in-time.ts";
import { refused } from "../../support/refused.ts";
import { sha256 } from "../../support/signed-file.ts";

const read = (delegations: Json): Delegations => readDelegations(new Field(delegations, "delegations"));
const roleEntry = (fields: JsonObject): JsonObject => ({
  name: "a",
  keyids: [],
  threshold: 1,
  terminating: false,
  ...fields,
});
const named = (...roles: Json[]): Delegations => read({ keys: {}, roles });
const speaks = (fields: JsonObject, path: string) => named(roleEntry(fields)).rolesFor(path).length === 1;
const hashOf = (path: string) => sha256(new TextEncoder().encode(path));

describe("a path pattern", () => {
  const table: [pattern: string, path: string, matches: boolean][] = [
    // the examples of TUF 4.5
    ["targets/*.tgz", "targets/foo.tgz", true],
    ["targets/*.tgz", "targets/foo.txt", false],
    ["foo-version-?.tgz", "foo-version-2.tgz", true],
    ["foo-version-?.tgz", "foo-version-a.tgz", true],
    ["foo-version-?.tgz", "foo-version-alpha.tgz", false],
    ["*.tgz", "foo.tgz", true],
    ["*.tgz", "targets/foo.tgz", false],
    ["foo.tgz", "foo.tgz", true],
    ["foo.tgz", "Foo.tgz", false],
    // a wildcard never crosses a separator
    ["*", "a", true],
    ["*", "a/b", false],
    ["*/*", "a/b", true],
    ["*/*", "a/b/c", false],
    ["**", "a/b", false],
    ["a/*", "a", false],
    ["a/?", "a/", false],
    ["?", "/", false],
    ["a?b", "a/b", false],
    // edges
    ["", "", true],
    ["", "a", false],
    ["*", "", true],
    ["?", "", false],
    ["a*", "a", true],
    ["*a", "a", true],
    ["*a*", "bab", true],
    ["a*b*c", "aXbYc", true],
    ["a*b*c", "acb", false],
    ["*ab", "aab", true],
    ["*.json", ".json", true],
    ["*", ".hidden", true],
    ["a//b", "a//b", true],
    ["a/*/b", "a//b", true],
    // nothing but * and ? is special
    ["[ab]", "a", false],
    ["[ab]", "[ab]", true],
    ["{a,b}", "a", false],
    ["!a", "b", false],
    ["a.c", "abc", false],
    ["a+", "aa", false],
    ["\\*", "*", false],
    ["(a|b)", "a", false],
    ["#a", "#a", true],
    ["*", "😀", true],
  ];
  for (const [pattern, path, matches] of table) {
    test(`${JSON.stringify(pattern)} ${matches ? "matches" : "does not match"} ${JSON.stringify(path)}`, () => {
      assert.equal(speaks({ paths: [pattern] }, path), matches);
    });
  }

  test("made to hang a matcher is decided at once", () => {
    const text = "a".repeat(1024);
    inTime(500, "hostile patterns", () => {
      for (const unit of ["*a", "a*", "*", "?*", "*a*a"]) {
        const pattern = `${unit.repeat(Math.floor(1023 / unit.length))}b`;
        assert.equal(matchSegment(pattern, text), false);
        assert.equal(speaks({ paths: [pattern] }, text), false);
      }
      assert.equal(matchSegment(`${"*a".repeat(511)}*`, text), true);
    });
  });

  test("and path have a bound: what is longer speaks for nothing", () => {
    refused("E_MALFORMED", () => named(roleEntry({ paths: ["a".repeat(1025)] })));
    assert.equal(speaks({ paths: ["*"] }, "a".repeat(1024)), true);
    assert.equal(speaks({ paths: ["*"] }, "a".repeat(1025)), false);
  });
});

describe("path hash prefixes", () => {
  const path = "dchat/1.0.0/file";
  const hash = hashOf(path);

  test("compare with the hex SHA-256 of the whole path", () => {
    for (const prefix of ["", hash.slice(0, 1), hash.slice(0, 7), hash]) {
      assert.equal(speaks({ path_hash_prefixes: [prefix] }, path), true, prefix);
    }
    assert.equal(speaks({ path_hash_prefixes: ["zz", hash.slice(0, 4)] }, path), true);
    const wrong = hash.startsWith("0") ? "1" : "0";
    for (const prefix of [wrong, hash.slice(1, 5), `${hash}0`]) {
      assert.equal(speaks({ path_hash_prefixes: [prefix] }, path), false, prefix);
    }
    assert.equal(speaks({ path_hash_prefixes: [hash.slice(0, 4)] }, `${path}.`), false);
    assert.equal(speaks({ path_hash_prefixes: [] }, path), false);
  });

  test("of 4096 bins with 16 prefixes each are asked in no time", () => {
    const bins = Array.from({ length: 4096 }, (_, bin) => {
      const prefixes = Array.from({ length: 16 }, (_, i) => (bin * 16 + i).toString(16).padStart(4, "0"));
      return roleEntry({ name: `bin-${bin}`, path_hash_prefixes: prefixes });
    });
    const delegations = named(...bins);
    inTime(1500, "50 lookups in 4096 bins", () => {
      for (let i = 0; i < 50; i++) {
        const target = `some/target-${i}`;
        const [role, ...others] = delegations.rolesFor(target);
        assert.deepEqual(others, []);
        assert.equal(role?.name, `bin-${parseInt(hashOf(target).slice(0, 4), 16) >> 4}`);
      }
    });
  });
});

describe("delegations", () => {
  test("are asked in file order", () => {
    const roles = ["z", "a", "m"].map((name) => roleEntry({ name, paths: ["*"] }));
    assert.deepEqual(named(...roles).rolesFor("x").map((r) => r.name), ["z", "a", "m"]);
    assert.deepEqual(named(...roles).all().map((r) => r.name), ["z", "a", "m"]);
    assert.equal(named(...roles).role("m")?.name, "m");
    assert.equal(named(...roles).role("b"), undefined);
  });

  const succinct = { keyids: [], threshold: 1, bit_length: 4, name_prefix: "bin" };
  const good = roleEntry({ paths: ["*"] });
  const { terminating: _terminating, ...notTerminating } = good;
  const bad: Record<string, Json> = {
    "neither roles nor succinct roles": { keys: {} },
    "both roles and succinct roles": { keys: {}, roles: [], succinct_roles: succinct },
    "no keys": { roles: [] },
    "roles that are an object": { keys: {}, roles: { a: good } },
    "a role named twice": { keys: {}, roles: [good, good] },
    "a role named like a top-level one": { keys: {}, roles: [roleEntry({ name: "targets", paths: ["*"] })] },
    "a role named root": { keys: {}, roles: [roleEntry({ name: "root", paths: ["*"] })] },
    "a role with a line feed in its name": { keys: {}, roles: [roleEntry({ name: "a\nb", paths: ["*"] })] },
    "a role with paths and prefixes": { keys: {}, roles: [roleEntry({ paths: ["*"], path_hash_prefixes: ["0"] })] },
    "a role with neither": { keys: {}, roles: [roleEntry({})] },
    "a role with paths null": { keys: {}, roles: [roleEntry({ paths: null })] },
    "a role with a path that is no string": { keys: {}, roles: [roleEntry({ paths: [1] })] },
    "a role that does not say whether it terminates": { keys: {}, roles: [notTerminating] },
    "a role with a threshold of 0": { keys: {}, roles: [roleEntry({ paths: ["*"], threshold: 0 })] },
    "4097 roles": { keys: {}, roles: Array.from({ length: 4097 }, (_, i) => roleEntry({ name: `${i}`, paths: [] })) },
    "4097 patterns": { keys: {}, roles: [roleEntry({ paths: Array.from({ length: 4097 }, () => "a") })] },
    "no bits": { keys: {}, succinct_roles: { ...succinct, bit_length: 0 } },
    "13 bits": { keys: {}, succinct_roles: { ...succinct, bit_length: 13 } },
    "no name prefix": { keys: {}, succinct_roles: { ...succinct, name_prefix: null } },
  };
  for (const [name, delegations] of Object.entries(bad)) {
    test(`are refused: ${name}`, () => void refused("E_MALFORMED", () => read(delegations)));
  }

  test("__proto__ is a role name like any other", () => {
    const roles = named(roleEntry({ name: "__proto__", paths: ["*"] }));
    assert.equal(roles.role("__proto__")?.name, "__proto__");
    assert.equal(roles.role("constructor"), undefined);
  });
});

describe("succinct roles", () => {
  const bins = (bits: number) =>
    read({ keys: {}, succinct_roles: { keyids: [], threshold: 1, bit_length: bits, name_prefix: "bin" } });

  test("put a path into the bin of the leading bits of its hash, and into no other", () => {
    for (const bits of [1, 3, 4, 5, 8, 12]) {
      for (let i = 0; i < 40; i++) {
        const path = `some/path-${i}`;
        const leading = BigInt(`0x${hashOf(path)}`) >> BigInt(256 - bits);
        const digits = (2 ** bits - 1).toString(16).length;
        const [role, ...others] = bins(bits).rolesFor(path);
        assert.deepEqual(others, []);
        assert.equal(role?.name, `bin-${leading.toString(16).padStart(digits, "0")}`);
        assert.equal(role?.terminating, true);
        assert.equal(role?.speaksFor(path), true);
      }
    }
  });

  test("exist under their own names only", () => {
    const ten = bins(10);
    for (const name of ["bin-000", "bin-3ff"]) assert.equal(ten.role(name)?.name, name);
    for (
      const name of [
        "bin-400",
        "bin-0",
        "bin-0000",
        "bin-3FF",
        "bin-",
        "bin",
        "nib-000",
        "bin-+00",
        "bin-00g",
        "xbin-000",
      ]
    ) {
      assert.equal(ten.role(name), undefined, name);
    }
    assert.deepEqual(ten.all(), []);
  });
});
