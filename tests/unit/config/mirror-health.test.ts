// The memory of mirrors on disk: advice that survives, loses nothing to a neighbour, and never stands in the way.
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Home, homeAt } from "../../../src/config/home.ts";
import { MAX_REMEMBERED_MIRRORS } from "../../../src/config/health-rules.ts";
import { readHealth, recordRun } from "../../../src/config/mirror-health.ts";
import { fails } from "../../support/fails.ts";

const folder = await mkdtemp(join(tmpdir(), "mirror-health-"));
after(() => rm(folder, { recursive: true, force: true }));
const NOW = Date.parse("2026-06-01T12:00:00.123Z");
const o = { signal: new AbortController().signal, nowMs: NOW };
const A = "https://a.example/dchat";

const fresh = async (): Promise<Home> => homeAt(await mkdtemp(join(folder, "home-")));

test("what was recorded is read again, whole", async () => {
  const home = await fresh();
  assert.deepEqual(await readHealth(home), { book: new Map(), problem: undefined });
  const seen = { latencyMs: 12, bytesPerSecond: 34_567_890, timestampVersion: 3, isBehind: true };
  await recordRun(home, [{ id: A, outcome: "success", ...seen }, { id: "https://b.example", outcome: "lie" }], o);
  await recordRun(home, [{ id: A, outcome: "failure" }], o);
  const { book, problem } = await readHealth(home);
  assert.equal(problem, undefined);
  assert.deepEqual(book.get(A), {
    ...seen,
    successes: 1,
    failures: 1,
    consecutiveFailures: 0,
    lies: 0,
    lastSuccessMs: NOW,
    lastFailureMs: NOW,
    lastLieMs: null,
    lastSeenMs: NOW,
  });
  assert.equal(book.get("https://b.example")?.lies, 1);
  assert.deepEqual((await readdir(home.dir)).toSorted(), ["mirror-health.json"]);
});

test("recorders side by side lose nothing", async () => {
  const home = await fresh();
  const record = (i: number) =>
    recordRun(home, [{ id: A, outcome: "lie" }, { id: `https://${i}.example`, outcome: "success" }], o);
  await Promise.all(Array.from({ length: 8 }, (_, i) => record(i)));
  const { book } = await readHealth(home);
  assert.equal(book.get(A)?.lies, 8);
  assert.equal(book.size, 9);
});

test("nothing seen is nothing written", async () => {
  const home = await fresh();
  await recordRun(home, [], o);
  assert.deepEqual(await readdir(home.dir), []);
});

const entry = (fields: Record<string, unknown> = {}) => ({
  successes: 1,
  failures: 0,
  consecutiveFailures: 0,
  lies: 0,
  lastSeen: "2026-06-01T12:00:00Z",
  behind: false,
  ...fields,
});
const file = (mirrors: unknown, format = "dchat-mirror-health-1") => JSON.stringify({ format, mirrors });
const many = Array.from({ length: MAX_REMEMBERED_MIRRORS + 1 }, (_, i) => [`https://${i}.example`, entry()]);

const DAMAGE: Readonly<Record<string, string>> = {
  "nothing": "",
  "half a file": file({ [A]: entry() }).slice(0, 60),
  "another format": file({}, "dchat-mirror-health-9"),
  "a list in place of the mirrors": file([]),
  "a negative count": file({ [A]: entry({ failures: -1 }) }),
  "a fraction": file({ [A]: entry({ latencyMs: 1.5 }) }),
  "a time that is none": file({ [A]: entry({ lastLie: "yesterday" }) }),
  "a missing count": file({ [A]: { ...entry(), lies: undefined } }),
  "a control character in a URL": file({ [`${A}\u001b[2J`]: entry() }),
  "one mirror too many": file(Object.fromEntries(many)),
  "more than two MiB": file({ [A]: entry({ padding: "x".repeat(2 << 20) }) }),
  "the same mirror twice": file({}).replace("{}", `{${JSON.stringify(A)}:{},${JSON.stringify(A)}:{}}`),
};

for (const [title, content] of Object.entries(DAMAGE)) {
  test(`a file with ${title} is not used, is told, and is set aside at the next run`, async () => {
    const home = await fresh();
    await writeFile(home.healthFile, content);
    const { book, problem } = await readHealth(home);
    assert.equal(book.size, 0);
    assert.match(problem?.message ?? "", /mirror-health\.json/);
    await recordRun(home, [{ id: A, outcome: "success" }], o);
    assert.deepEqual([...(await readHealth(home)).book.keys()], [A]);
    assert.equal(await readFile(`${home.healthFile}.damaged`, "utf8"), content);
  });
}

test("a file that holds all that may be remembered is read", async () => {
  const home = await fresh();
  await writeFile(home.healthFile, file(Object.fromEntries(many.slice(1))));
  assert.equal((await readHealth(home)).book.size, MAX_REMEMBERED_MIRRORS);
});

test("a home that is not there is not made", async () => {
  const home = homeAt(join(folder, "nowhere"));
  await assert.rejects(recordRun(home, [{ id: A, outcome: "success" }], o), fails("E_IO"));
  assert.deepEqual(await readHealth(home), { book: new Map(), problem: undefined });
});
