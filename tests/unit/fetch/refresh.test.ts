// What one mirror does must never decide for the others. Through refreshTrust, over mirrors in memory.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Mirror } from "../../../src/api.ts";
import { UpdateError } from "../../../src/errors.ts";
import { type RefreshResult, refreshTrust } from "../../../src/fetch/refresh.ts";
import { pinRoot, type TrustState } from "../../../src/trust/client.ts";
import { nextUnloadedRole } from "../../../src/trust/search.ts";
import { deadMirror, fileMirror } from "../../support/file-mirror.ts";
import { strictClock } from "../../support/trust-client.ts";
import { createTufRepository, type TufRepository } from "../../support/tuf-repository.ts";

const text = (s: string) => new TextEncoder().encode(s);

function repository(seed: string): TufRepository {
  const repo = createTufRepository({ seed });
  repo.addTarget("a/file", text("content"));
  repo.publish();
  return repo;
}

interface Recorded {
  readonly saved: [TrustState, string][];
  readonly refused: [string, string][];
}

async function refresh(
  from: TrustState,
  mirrors: readonly Mirror[],
  repo: TufRepository,
  record: Recorded = { saved: [], refused: [] },
  nowMs = repo.nowMs,
): Promise<RefreshResult> {
  const clock = strictClock(nowMs);
  return await refreshTrust(from, {
    mirrors,
    clock,
    prefix: "metadata/",
    signal: new AbortController().signal,
    nextRole: (s) => nextUnloadedRole(s, clock),
    save: (s, step) => Promise.resolve(void record.saved.push([s, step])),
    onRefused: (mirror, e) => Promise.resolve(void record.refused.push([mirror, e.code])),
  });
}

const statuses = (r: RefreshResult) => r.mirrors.map((m) => `${m.mirror}:${m.status}`);
const code = (expected: string) => (e: unknown) => e instanceof UpdateError && e.code === expected;

test("an up-to-date node asks for the next root and the timestamp, nothing else", async () => {
  const repo = repository("quiet");
  const mirror = fileMirror("m", repo.files);
  const { state } = await refresh(pinRoot(repo.pinnedRoot), [mirror], repo);
  mirror.asked.length = 0;
  await refresh(state, [mirror], repo);
  assert.deepEqual(mirror.asked, ["metadata/2.root.json", "metadata/timestamp.json"]);
});

test("dead, empty and babbling mirrors do not stop the update, and the babbler is reported", async () => {
  const repo = repository("crowd");
  const record: Recorded = { saved: [], refused: [] };
  const mirrors = [
    deadMirror("dead"),
    fileMirror("empty", () => new Map()),
    fileMirror("babbler", repo.files, () => text("<html>sign in</html>")),
    fileMirror("honest", repo.files),
  ];
  const result = await refresh(pinRoot(repo.pinnedRoot), mirrors, repo, record);
  assert.equal(result.state.targets.get("targets")?.signed.targets.has("a/file"), true);
  assert.deepEqual(statuses(result), ["dead:failed", "empty:stale", "babbler:refused", "honest:ok"]);
  assert.deepEqual([...new Set(record.refused.map(String))], ["babbler,E_MALFORMED"]);
});

test("a mirror that is quick with its timestamp and never done with the rest is not waited for", async () => {
  const repo = repository("dripping");
  const whole = fileMirror("dripping", repo.files);
  const dripping: Mirror = {
    id: "dripping",
    fetch(path, maxBytes, o) {
      if (/timestamp|root/.test(path)) return whole.fetch(path, maxBytes, o);
      return new Promise((_, reject) => o.signal.addEventListener("abort", () => reject(o.signal.reason)));
    },
  };
  const startMs = performance.now();
  const result = await refresh(pinRoot(repo.pinnedRoot), [dripping, fileMirror("honest", repo.files)], repo);
  assert.equal(result.state.targets.get("targets")?.signed.targets.has("a/file"), true);
  assert.deepEqual(statuses(result), ["dripping:ok", "honest:ok"]);
  assert.ok(performance.now() - startMs < 15_000, `${performance.now() - startMs} ms`);
});

test("a stale mirror that is asked first neither wins nor counts as a liar", async () => {
  const repo = repository("stale");
  const old = repo.files();
  repo.addTarget("a/newer", text("more"));
  repo.publish();
  const record: Recorded = { saved: [], refused: [] };
  const mirrors = [fileMirror("stale", () => old), fileMirror("honest", repo.files)];
  const result = await refresh(pinRoot(repo.pinnedRoot), mirrors, repo, record);
  assert.equal(result.state.targets.get("targets")?.signed.targets.has("a/newer"), true);
  assert.deepEqual(statuses(result), ["stale:stale", "honest:ok"]);
  assert.deepEqual(record.refused, []);
});

test("a genuine timestamp whose snapshot nobody has falls back to the newest whole set", async () => {
  const repo = repository("torn");
  const whole = repo.files();
  repo.publish();
  const torn = new Map([...whole, ["metadata/timestamp.json", repo.bytes("timestamp")]]);
  const mirrors = [fileMirror("torn", () => torn), fileMirror("whole", () => whole)];
  const { state } = await refresh(pinRoot(repo.pinnedRoot), mirrors, repo);
  assert.equal(state.timestamp?.signed.version, Number(repo.draft("timestamp")["version"]) - 1);
});

test("a root that one mirror withholds is taken from another, and a forged one ends nothing", async () => {
  const repo = repository("roots");
  const before = repo.files();
  repo.rotate("timestamp");
  repo.publish();
  const forger = fileMirror(
    "forger",
    repo.files,
    (path, bytes) => path === "metadata/3.root.json" ? repo.pinnedRoot : bytes,
  );
  const mirrors = [fileMirror("withholder", () => before), forger, fileMirror("honest", repo.files)];
  const record: Recorded = { saved: [], refused: [] };
  const { state } = await refresh(pinRoot(repo.pinnedRoot), mirrors, repo, record);
  assert.equal(state.root.signed.version, 2);
  assert.deepEqual(record.refused.map(([who]) => who), ["forger"]);
});

test("when the only mirrors lie, the gravest reason is the error", async () => {
  const repo = repository("liars");
  const before = pinRoot(repo.pinnedRoot);
  const liar = fileMirror("liar", repo.files, (path, bytes) => path.endsWith("timestamp.json") ? text("{}") : bytes);
  await assert.rejects(refresh(before, [deadMirror("dead"), liar], repo), code("E_MALFORMED"));
});

test("nothing but the root is saved before a set is whole", async () => {
  const repo = repository("whole");
  const mirror = fileMirror("half", repo.files, (path, bytes) => path.endsWith("targets.json") ? undefined : bytes);
  const record: Recorded = { saved: [], refused: [] };
  await assert.rejects(refresh(pinRoot(repo.pinnedRoot), [mirror], repo, record), code("E_ABSENT"));
  assert.equal(record.saved.some(([, step]) => step === "complete"), false);
});

test("expired metadata is refused as such, whichever mirror gives it", async () => {
  const repo = repository("expired");
  const later = repo.nowMs + 10 * 86_400_000;
  const mirrors = [fileMirror("a", repo.files), fileMirror("b", repo.files)];
  await assert.rejects(refresh(pinRoot(repo.pinnedRoot), mirrors, repo, undefined, later), code("E_EXPIRED"));
});

test("more roots than any repository has end the update", async () => {
  const repo = repository("endless");
  for (let i = 0; i < 257; i++) repo.publishRoot();
  repo.publish();
  const mirrors = [fileMirror("m", repo.files)];
  await assert.rejects(refresh(pinRoot(repo.pinnedRoot), mirrors, repo), code("E_MALFORMED"));
});

test("without a mirror the error says how to add one", async () => {
  const repo = repository("lonely");
  await assert.rejects(refresh(pinRoot(repo.pinnedRoot), [], repo), code("E_NO_SOURCE"));
});

test("an abort ends the asking at once", async () => {
  const repo = repository("abort");
  const abort = new AbortController();
  const mirror: Mirror = {
    id: "slow",
    fetch: (_path, _max, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
        abort.abort();
      }),
  };
  const clock = strictClock(repo.nowMs);
  await assert.rejects(
    refreshTrust(pinRoot(repo.pinnedRoot), {
      mirrors: [mirror],
      clock,
      prefix: "",
      signal: abort.signal,
      nextRole: () => undefined,
      save: () => Promise.resolve(),
    }),
    { name: "AbortError" },
  );
});
