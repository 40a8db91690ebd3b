// Messages signed by keys that nobody here knows: whose fault they are, and how many are looked into.
// Design: docs/gossip.md, "What a node believes".
import assert from "node:assert/strict";
import { test } from "node:test";
import { UpdateError } from "../../../src/errors.ts";
import { createUnknownRoot, type UnknownRootOptions } from "../../../src/gossip/unknown-root.ts";

const WHY = new UpdateError("E_UNTRUSTED_KEY", "signed by keys that the root does not name");
const message = new Uint8Array(1);

/** A bearer who has nothing newer, and nobody else to ask; time that is waited for passes at once. */
function scene(o: Partial<UnknownRootOptions> = {}) {
  return createUnknownRoot({
    learnFrom: () => Promise.resolve(),
    inSlot: (work) =>
      work(new AbortController().signal, { peer: undefined, beganMs: 0, untilMs: 0, stop: new AbortController() }),
    peers: () => [],
    state: () => undefined,
    isKnown: () => false,
    isVouchedFor: () => false,
    pause: () => Promise.resolve(),
    signal: new AbortController().signal,
    ...o,
  });
}

test("what nobody can show a root for is the fault of its bearer, and of nobody else who brings it", async () => {
  assert.deepEqual(await scene()("bearer", message, WHY), { verdict: "reject", why: WHY, isBearersFault: true });
});

test("a root that was passed over meanwhile makes it genuine, and nobody's fault", async () => {
  assert.deepEqual(await scene({ isVouchedFor: () => true })("bearer", message, WHY), { verdict: "ignore", why: WHY });
});

test("a bearer who cannot be reached has not lied", async () => {
  const gone = new UpdateError("E_UNREACHABLE", "gone");
  const judge = scene({ learnFrom: () => Promise.reject(gone) });
  assert.deepEqual(await judge("bearer", message, WHY), { verdict: "ignore", why: gone });
});

test("of one peer four are looked into at a time, of others as many again", async () => {
  const { promise: silence, resolve: answer } = Promise.withResolvers<void>();
  const judge = scene({ learnFrom: () => silence });
  const open = Array.from({ length: 4 }, () => judge("bearer", message, WHY));
  const fifth = await Promise.race([judge("bearer", message, WHY), silence]);
  assert.deepEqual([fifth?.verdict, fifth !== undefined && "why" in fifth && fifth.why.code], ["ignore", "E_TIMEOUT"]);
  const other = judge("another", message, WHY);
  answer();
  const verdicts = (await Promise.all([...open, other])).map((d) => d.verdict);
  assert.deepEqual(verdicts, Array.from({ length: 5 }, () => "reject"));
  assert.equal((await judge("bearer", message, WHY)).verdict, "reject", "there is room again");
});
