// The thread of a piece store: whatever kills it is an error at once, for all who wait; and none is left behind.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { after, test } from "node:test";
import { Worker } from "node:worker_threads";
import type { StoreRequest } from "../../../src/fetch/store-messages.ts";
import type { Thread } from "../../../src/hash/web-worker.ts";
import { type StoreHost, storeThreadsOfHost } from "../../../src/fetch/store-thread.ts";
import { PIECE_BYTES } from "../../../src/hash/blake3-core.ts";
import { fails } from "../../support/fails.ts";
import {
  heldOf,
  pieceOf,
  putPiece,
  signal,
  STORE_HOSTS,
  type StorePlace,
  storePlace,
} from "../../support/piece-stores.ts";
import { sequence } from "../../support/sequence.ts";
import { until } from "../../support/until.ts";

const MIB = PIECE_BYTES;
const { start } = storeThreadsOfHost();
const bytes = sequence(8 * MIB);
const places: StorePlace[] = [];
after(async () => {
  for (const place of places) await place.remove();
});

/** A place whose stores get the threads that `make` makes. */
async function placeWith(make: StoreHost["start"], content: Uint8Array = bytes): Promise<StorePlace> {
  const place = await storePlace(content, { minBytes: 0, start: make });
  places.push(place);
  return place;
}

function openFilesIn(folder: string): number {
  const links = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ""; // the one that lists them
    }
  });
  return links.filter((link) => link.startsWith(folder)).length;
}

const DEATHS: Record<string, StoreHost["start"]> = {
  "is killed before it begins": (url, data) => {
    const worker = start(url, data);
    queueMicrotask(() => void worker.terminate()); // once it is being watched
    return worker;
  },
  "ends without a word": () => new Worker(new URL("data:text/javascript,")),
  "throws": () => new Worker(new URL("data:text/javascript,throw new Error('broken')")),
  "has a damaged core": (url, data) => start(url, { ...data, wasm: data.wasm.slice(0, 100) }),
};
for (const [what, make] of Object.entries(DEATHS)) {
  test(`a thread that ${what} is an error for all who ask, and close ends`, async () => {
    const place = await placeWith(make);
    const store = await place.open();
    const waiting = Array.from({ length: 40 }, async (_, i) => {
      const buffer = await store.takeBuffer({ signal });
      return await store.put(i % 8, buffer);
    });
    for (const result of await Promise.allSettled(waiting)) {
      assert.equal(result.status, "rejected");
      fails("E_INTERNAL")(result.reason);
    }
    await assert.rejects(store.setPieceList(place.list), fails("E_INTERNAL"));
    await store.close();
    assert.deepEqual(heldOf(store), []);
  });
}

test("a thread that dies while an earlier run is proven again is an error", async () => {
  const place = await placeWith(start, sequence(64 * MIB));
  const first = await place.open();
  for (let index = 0; index < 64; index++) await putPiece(first, place.bytes, index);
  await first.close();
  let worker: Thread | undefined;
  const host: StoreHost = { minBytes: 0, start: (url, data) => worker = start(url, data) };
  await assert.rejects(
    place.open({ host, onHashing: () => void worker?.terminate() }),
    fails("E_INTERNAL", "ended before its time"),
  );
});

test("a thread that is killed in the middle: what it said is there, and whoever waits is told", async () => {
  let worker: Thread | undefined;
  const place = await placeWith((url, data) => worker = start(url, data), sequence(40 * MIB));
  const store = await place.open();
  await store.setPieceList(place.list);
  const said: number[] = [];
  const puts = Array.from({ length: 40 }, async (_, index) => {
    assert.equal(await putPiece(store, place.bytes, index), true);
    said.push(index);
    if (said.length === 5) void worker?.terminate();
  });
  const results = await Promise.allSettled(puts);
  assert.ok(results.some(({ status }) => status === "rejected"), "it was killed too late");
  for (const result of results) if (result.status === "rejected") fails("E_INTERNAL")(result.reason);
  await assert.rejects(store.takeBuffer({ signal }), fails("E_INTERNAL"));
  await store.close();
  const again = await place.open();
  for (const index of said) assert.ok(again.has(index), `piece ${index} was lost`);
});

for (const isListed of [true, false]) {
  const when = isListed ? "is refused" : "is dropped when the list comes";
  test(`a busy thread is helped by the receiving one, and a wrong piece ${when}, whoever measured it`, async () => {
    const measuredHere: boolean[] = [];
    const place = await placeWith((url, data) => {
      const worker = start(url, data);
      const post = worker.postMessage.bind(worker);
      worker.postMessage = (request: StoreRequest, transfer: ArrayBuffer[]) => {
        if (request.type === "put") measuredHere.push(request.value !== undefined);
        post(request, transfer);
      };
      return worker;
    }, sequence(12 * MIB - 1000));
    const store = await place.open();
    if (isListed) await store.setPieceList(place.list);
    const buffers = await Promise.all(Array.from({ length: 12 }, () => store.takeBuffer({ signal })));
    const puts = buffers.map((buffer, index) => {
      buffer.set(pieceOf(place.bytes, index));
      if (index === 1 || index === 10) buffer[5] = buffer[5]! ^ 1;
      return store.put(index, buffer);
    });
    const right = await Promise.all(puts);
    const wrong = isListed ? right.flatMap((isRight, i) => isRight ? [] : [i]) : await store.setPieceList(place.list);
    assert.deepEqual(wrong, [1, 10]);
    assert.deepEqual([measuredHere[1], measuredHere[10]], [false, true]);
    assert.deepEqual(heldOf(store), [0, 2, 3, 4, 5, 6, 7, 8, 9, 11]);
  });
}

test("a seal that is waited for no more ends at once, and the file can be taken up again", async () => {
  for (const host of Object.values(STORE_HOSTS)) {
    const place = await placeWith(host.start);
    const store = await place.open({ host });
    for (let index = 0; index < 8; index++) await putPiece(store, bytes, index);
    const controller = new AbortController();
    const sealed = store.seal({ signal: controller.signal });
    controller.abort();
    await assert.rejects(sealed, fails("E_INTERRUPTED"));
    await store.close();
    const again = await place.open({ host });
    assert.equal(again.heldBytes, bytes.length);
    assert.equal((await again.seal({ signal })).sha256, place.artifact.sha256);
  }
});

test("what was handed over before a close is kept", async () => {
  for (const host of Object.values(STORE_HOSTS)) {
    const place = await placeWith(host.start);
    const store = await place.open({ host });
    await store.setPieceList(place.list);
    const puts = Promise.all([3, 1, 7].map((index) => putPiece(store, bytes, index)));
    const buffer = await store.takeBuffer({ signal }); // by now they were handed over
    await store.close();
    assert.deepEqual(await puts, [true, true, true]);
    store.returnBuffer(buffer);
    assert.deepEqual(heldOf(await place.open({ host })), [1, 3, 7]);
  }
});

test(
  "no descriptor stays open, whatever is on its way to the disk",
  { skip: !existsSync("/proc/self/fd") },
  async () => {
    for (const host of Object.values(STORE_HOSTS)) {
      const place = await placeWith(host.start, sequence(33 * MIB)); // so long that it is synced on the way
      const store = await place.open({ host });
      await Promise.all(Array.from({ length: 33 }, (_, index) => putPiece(store, place.bytes, index)));
      assert.ok(openFilesIn(place.partialDir) > 0);
      await store.close();
      await until("all are closed", () => openFilesIn(place.partialDir) === 0);
    }
  },
);

test("small artifacts need no thread; where none can be had, this one does the work", async () => {
  const small = await placeWith(start);
  const never: StoreHost["start"] = () => assert.fail("a thread was started");
  const store = await small.open({ host: { minBytes: bytes.length + 1, start: never } });
  assert.equal(await putPiece(store, bytes, 0), true);

  const place = await placeWith(() => {
    throw new Error("forbidden");
  });
  const alone = await place.open();
  for (let index = 7; index >= 0; index--) assert.equal(await putPiece(alone, bytes, index), true);
  assert.equal((await alone.seal({ signal })).blake3, place.artifact.blake3);
  await alone.close();
  assert.ok(readFileSync(place.part).equals(bytes));
});
