import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { createBell } from "../../../../src/cli/daemon/daemon-bell.ts";
import { whileWanted } from "../../../../src/cli/daemon/while-wanted.ts";

const { signal } = new AbortController();
const untilAborted = async (s: AbortSignal) => {
  if (!s.aborted) await once(s, "abort");
  s.throwIfAborted();
};

test("what is wanted goes on to its end, however often the bell rings", async () => {
  const bell = createBell();
  bell.ring();
  let asked = 0;
  const isWanted = () => Promise.resolve(++asked > 0);
  const done = await whileWanted(signal, bell, isWanted, async () => {
    while (asked < 3) {
      bell.ring();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return "done";
  });
  assert.equal(done, "done");
});

test("what is not wanted any more is given up, also when it rang before", async () => {
  const bell = createBell();
  bell.ring();
  assert.equal(await whileWanted(signal, bell, () => Promise.resolve(false), untilAborted), undefined);
});

test("without a ring nobody is asked, and what goes wrong is thrown", async () => {
  const isWanted = () => Promise.reject(new Error("asked"));
  const failing = whileWanted(signal, createBell(), isWanted, () => Promise.reject(new Error("broken")));
  await assert.rejects(failing, /broken/);
});

test("what nobody can tell is as it was", async () => {
  const bell = createBell();
  bell.ring();
  let isAsked = false;
  const isWanted = () => {
    isAsked = true;
    return Promise.reject(new Error("the home cannot be read"));
  };
  const done = await whileWanted(signal, bell, isWanted, async () => {
    while (!isAsked) await new Promise((resolve) => setImmediate(resolve));
    return "done";
  });
  assert.equal(done, "done");
});

test("an end from outside is no giving up", async () => {
  const stop = new AbortController();
  const run = whileWanted(stop.signal, createBell(), () => Promise.resolve(true), untilAborted);
  stop.abort();
  await assert.rejects(run, { name: "AbortError" });
});
