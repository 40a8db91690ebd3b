import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pinRoot } from "../../../src/trust/client.ts";
import { nextUnloadedRole, searchTarget } from "../../../src/trust/search.ts";
import { refused } from "../../support/refused.ts";
import { strictClock, update, updated } from "../../support/trust-client.ts";
import { createTufRepository, type DelegationOptions, type TufRepository } from "../../support/tuf-repository.ts";

type Graph = Omit<DelegationOptions, "signers">[];

/** A repository with these delegations; each role may hold targets: `{ role: [paths] }`. */
function repository(graph: Graph, targets: Record<string, string[]> = {}): TufRepository {
  const repo = createTufRepository({ seed: "search" });
  for (const d of graph) repo.delegate(d);
  for (const [role, paths] of Object.entries(targets)) {
    for (const path of paths) repo.addTarget(path, new TextEncoder().encode(`${role} ${path}`), { role });
  }
  repo.publish();
  return repo;
}

/** The delegated roles in the order in which a lookup asks for them, and what it finds. */
function walk(repo: TufRepository, path: string): { asked: string[]; found: string | undefined } {
  const asked: string[] = [];
  const files = new Map(repo.files());
  const spy = new Proxy(files, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (name !== "get") return typeof value === "function" ? value.bind(target) : value;
      return (key: string) => (asked.push(key), target.get(key));
    },
  });
  const { value, error } = update(pinRoot(repo.pinnedRoot), spy, strictClock(repo.nowMs), path);
  if (error !== undefined) throw error;
  const roles = asked.map((p) => /^metadata\/1\.(?!root|targets)(.*)\.json$/.exec(p)?.[1]).filter((r) =>
    r !== undefined
  );
  return { asked: roles, found: value?.kind === "found" ? value.role : undefined };
}

const d = (parent: string, name: string, more: Partial<DelegationOptions> = {}) => ({ parent, name, ...more });

describe("the search asks roles in pre-order, depth first", () => {
  const table: Record<string, [Graph, string[]]> = {
    "one role": [[d("targets", "A")], ["A"]],
    "two roles in file order": [[d("targets", "B"), d("targets", "A")], ["B", "A"]],
    "children before siblings": [
      [d("targets", "A"), d("targets", "B"), d("A", "C"), d("A", "D"), d("C", "E")],
      ["A", "C", "E", "D", "B"],
    ],
    "only branches whose patterns match": [
      [d("targets", "A", { paths: ["*.py"] }), d("targets", "B"), d("A", "C"), d("B", "D", { paths: ["x*"] })],
      ["B"],
    ],
    "a terminating role ends what waits behind it": [
      [d("targets", "A"), d("targets", "B"), d("A", "C", { terminating: true }), d("A", "D"), d("C", "E")],
      ["A", "C", "E"],
    ],
    "a terminating role that does not match ends nothing": [
      [d("targets", "A", { terminating: true, paths: ["*.py"] }), d("targets", "B")],
      ["B"],
    ],
    "what stands before a terminating role is asked": [
      [d("targets", "A"), d("targets", "B", { terminating: true }), d("targets", "C")],
      ["A", "B"],
    ],
    "a cycle is walked once": [
      [d("targets", "A"), d("A", "B"), d("B", "C"), d("C", "A")],
      ["A", "B", "C"],
    ],
    "a role of two parents is asked once, where it comes first": [
      [d("targets", "A"), d("targets", "B"), d("A", "C"), d("B", "C")],
      ["A", "C", "B"],
    ],
    "a role of two parents is reached through the one that matches": [
      [d("targets", "A"), d("targets", "B"), d("A", "C", { paths: ["*.py"] }), d("B", "C")],
      ["A", "B", "C"],
    ],
  };
  for (const [name, [graph, order]] of Object.entries(table)) {
    test(name, () => assert.deepEqual(walk(repository(graph), "missing"), { asked: order, found: undefined }));
  }
});

describe("the search finds a target", () => {
  const graph = [
    d("targets", "A", { paths: ["a/*", "both"] }),
    d("targets", "B", { paths: ["b/*/*", "both"] }),
    d("B", "C", { paths: ["b/c/*"] }),
  ];
  const repo = repository(graph, { targets: ["top"], A: ["a/1", "both", "stray"], B: ["both"], C: ["b/c/1", "b/d/1"] });
  const table: [string, string | undefined][] = [
    ["top", "targets"],
    ["a/1", "A"],
    ["both", "A"],
    ["b/c/1", "C"],
    ["b/d/1", undefined], // C holds it, but nobody delegated it to C
    ["stray", undefined],
    ["b/c/2", undefined],
  ];
  for (const [path, role] of table) {
    test(`${path}: ${role ?? "not at all"}`, () => assert.equal(walk(repo, path).found, role));
  }

  test("in the hash bin of its path", () => {
    const bins = createTufRepository({ seed: "bins" });
    bins.delegateSuccinctly({ namePrefix: "bin", bitLength: 3 });
    bins.publish();
    const files = bins.files();
    for (let i = 0; i < 8; i++) {
      const { error, value } = update(pinRoot(bins.pinnedRoot), files, strictClock(bins.nowMs), `target ${i}`);
      assert.equal(error, undefined);
      assert.equal(value?.kind, "absent");
    }
  });
});

describe("a role that two parents delegate to with different keys", () => {
  const repo = repository([d("targets", "A", { paths: ["a"] }), d("targets", "B", { paths: ["b"] })]);
  const [first, second] = [repo.newKey(), repo.newKey()];
  repo.delegate({ parent: "A", name: "C", signers: [first] });
  repo.delegate({ parent: "B", name: "C", signers: [second] });
  for (const path of ["a", "b"]) repo.addTarget(path, new Uint8Array(1), { role: "C" });
  repo.signers("C").splice(0, Infinity, first);
  repo.publish();
  const clock = strictClock(repo.nowMs);

  test("counts only for the parent whose keys signed it, whichever is asked first", () => {
    for (const order of [["a", "b"], ["b", "a"]]) {
      let state = pinRoot(repo.pinnedRoot);
      for (const path of order) {
        const attempt = update(state, repo.files(), clock, path);
        state = attempt.state;
        if (path === "a") assert.equal(attempt.value?.kind, "found");
        else assert.equal(attempt.error?.code, "E_UNTRUSTED_KEY");
      }
    }
  });

  test("counts for both when both keys signed it", () => {
    repo.signers("C").push(second);
    repo.publish();
    let state = pinRoot(repo.pinnedRoot);
    for (const path of ["a", "b"]) {
      const attempt = update(state, repo.files(), clock, path);
      state = attempt.state;
      assert.equal(attempt.value?.kind, "found");
    }
  });
});

describe("the number of roles", () => {
  const chain = (length: number): Graph =>
    Array.from({ length }, (_, i) => d(i === 0 ? "targets" : `r${i - 1}`, `r${i}`));

  test("may be 32 for one target, top-level included", () => {
    assert.equal(walk(repository(chain(31), { r30: ["deep"] }), "deep").found, "r30");
  });

  test("must not be 33", () => {
    refused("E_MALFORMED", () => walk(repository(chain(32), { r31: ["deep"] }), "deep"), "TUF 5.6.7.1");
  });
});

describe("listing", () => {
  test("asks for every named role once, parents first, and for no hash bins", () => {
    const repo = repository([d("targets", "A"), d("targets", "B", { paths: [] }), d("A", "C"), d("C", "A")]);
    const clock = strictClock(repo.nowMs);
    const state = updated(pinRoot(repo.pinnedRoot), repo.files(), clock);
    assert.deepEqual(nextUnloadedRole(state, clock), { name: "A", parent: "targets" });
    const all = update(state, repo.files(), clock, "missing").state;
    assert.deepEqual(nextUnloadedRole(all, clock), { name: "B", parent: "targets" });
    const bins = createTufRepository({ seed: "bins" });
    bins.delegateSuccinctly({ namePrefix: "bin", bitLength: 2 });
    bins.publish();
    assert.equal(nextUnloadedRole(updated(pinRoot(bins.pinnedRoot), bins.files(), clock), clock), undefined);
  });

  test("a search says which role it needs before it can go on", () => {
    const repo = repository([d("targets", "A")], { targets: ["top"] });
    const clock = strictClock(repo.nowMs);
    const state = updated(pinRoot(repo.pinnedRoot), repo.files(), clock);
    assert.equal(searchTarget(state, "top", clock).kind, "found");
    assert.deepEqual(searchTarget(state, "other", clock), { kind: "need", role: { name: "A", parent: "targets" } });
  });
});
