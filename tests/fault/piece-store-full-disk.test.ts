// A disk that fills up under the piece store, for real: what was there stays, and with room again it goes on.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import type { StoreHost } from "../../src/fetch/store-thread.ts";
import { fails } from "../support/fails.ts";
import { heldOf, putPiece, signal, STORE_HOSTS, type StorePlace, storePlace } from "../support/piece-stores.ts";
import { sequence } from "../support/sequence.ts";
import { createSmallDisks, type DiskKind, fillDisk } from "../support/small-disk.ts";

const MIB = 1 << 20;
const bytes = sequence(5 * MIB + 1);
const disks = createSmallDisks();
const places: StorePlace[] = [];
after(async () => {
  for (const place of places) await place.remove();
  disks.remove();
});

async function placeOnDisk(kind: DiskKind, host: StoreHost) {
  const disk = disks.mount(kind);
  if (disk === undefined) throw new Error("a disk could be mounted a moment ago");
  const place = await storePlace(bytes, host, disk);
  places.push(place);
  return { disk, place };
}

for (const kind of ["tmpfs", "ext4"] as const) {
  if (disks.mount(kind) === undefined) continue;
  for (const [name, host] of Object.entries(STORE_HOSTS)) {
    test(`${kind}, ${name}: pieces for which there is no room are an error, those before stay, and with room it goes on`, async () => {
      const { disk, place } = await placeOnDisk(kind, host);
      const store = await place.open();
      await store.setPieceList(place.list);
      for (const index of [0, 3]) assert.equal(await putPiece(store, bytes, index), true);
      const makeRoom = fillDisk(disk);
      for (const index of [1, 4]) await assert.rejects(putPiece(store, bytes, index), fails("E_DISK_FULL"));
      assert.equal(await putPiece(store, bytes, 3), true, "it is there already");
      assert.deepEqual([heldOf(store), store.heldBytes], [[0, 3], 2 * MIB]);
      await assert.rejects(store.put(0, new Uint8Array(1)), RangeError);
      await store.close();

      const again = await place.open();
      assert.deepEqual([heldOf(again), again.isListed], [[0, 3], true]);
      await assert.rejects(putPiece(again, bytes, 1), fails("E_DISK_FULL"));
      makeRoom();
      for (const index of [5, 4, 2, 1]) assert.equal(await putPiece(again, bytes, index), true);
      assert.equal((await again.seal({ signal })).sha256, place.artifact.sha256);
      await again.close();
      assert.ok(readFileSync(place.part).equals(bytes));
    });

    test(`${kind}, ${name}: a disk that was full before the first byte is the same error, and no hang`, async () => {
      const { disk, place } = await placeOnDisk(kind, host);
      const makeRoom = fillDisk(disk);
      const full = await place.open();
      await assert.rejects(putPiece(full, bytes, 0), fails("E_DISK_FULL"));
      await full.close();
      makeRoom();
      const store = await place.open();
      assert.equal(await putPiece(store, bytes, 0), true);
    });

    test(`${kind}, ${name}: what a full disk did not take is in no digest`, async () => {
      const { disk, place } = await placeOnDisk(kind, host);
      const store = await place.open(); // without a list nobody knows yet that the first one is wrong
      assert.equal(await putPiece(store, bytes, 4), true);
      const makeRoom = fillDisk(disk);
      await assert.rejects(putPiece(store, bytes.map((byte) => byte ^ 1), 0), fails("E_DISK_FULL"));
      makeRoom();
      for (let index = 0; index < store.pieceCount; index++) assert.equal(await putPiece(store, bytes, index), true);
      assert.equal((await store.seal({ signal })).sha256, place.artifact.sha256);
    });
  }
}
