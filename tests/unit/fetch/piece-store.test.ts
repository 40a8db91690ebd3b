// The piece store: pieces in any order, proven as they come, on the disk when it says so; with a thread and without.
import assert from "node:assert/strict";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { PIECE_BYTES, VALUE_BYTES } from "../../../src/hash/blake3-core.ts";
import { fails } from "../../support/fails.ts";
import { heldOf, pieceOf, putPiece, signal, STORE_HOSTS, storePlace } from "../../support/piece-stores.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { sequence } from "../../support/sequence.ts";

const MIB = PIECE_BYTES;
const longest = sequence(40 * MIB + 3);
const sequenceOf = (length: number) => longest.slice(0, length);
const LENGTHS = { "one byte": 1, "one piece": MIB, "a piece and a byte": MIB + 1, "many pieces": longest.length };

const numbersBelow = (count: number) => Array.from({ length: count }, (_, i) => i);

/** The numbers below `count` in an order that is the same in every run. */
function shuffled(count: number): number[] {
  return seededRandom("order").sample(numbersBelow(count), count);
}

/** Other bytes of the same length: no piece stays right. */
const altered = (bytes: Uint8Array) => bytes.map((byte, i) => i % MIB === 0 ? byte ^ 1 : byte);

for (const [name, host] of Object.entries(STORE_HOSTS)) {
  describe(`a store with ${name}`, () => {
    const places: { remove(): Promise<void> }[] = [];
    after(async () => {
      for (const place of places) await place.remove();
    });

    async function placeOf(bytes: Uint8Array) {
      const place = await storePlace(bytes, host);
      places.push(place);
      return place;
    }

    for (const [size, length] of Object.entries(LENGTHS)) {
      for (const [listed, ordered] of [[true, false], [false, false], [true, true]] as const) {
        const how = `${listed ? "with a" : "without"} list, in ${ordered ? "their" : "random"} order`;
        test(`${size}, ${how}: the file and its digests`, async () => {
          const place = await placeOf(sequenceOf(length));
          const { artifact, bytes, list, part } = place;
          const store = await place.open();
          assert.deepEqual([store.heldCount, store.heldBytes, store.resumedBytes, store.file], [0, 0, 0, part]);
          assert.equal(store.isListed, length <= MIB);
          if (listed) assert.deepEqual(await store.setPieceList(list), []);
          assert.equal(store.isListed, listed || length <= MIB);
          const order = ordered ? numbersBelow(store.pieceCount) : shuffled(store.pieceCount);
          await assert.rejects(store.seal({ signal }), fails("E_INTERNAL"));
          assert.deepEqual(await Promise.all(order.map((i) => putPiece(store, bytes, i))), order.map(() => true));
          assert.deepEqual([store.heldCount, store.heldBytes], [order.length, length]);
          const values = order.toSorted((a, b) => a - b).flatMap((i) => [...store.valueOf(i) ?? []]);
          if (order.length > 1) assert.deepEqual(values, [...list]);
          else assert.equal(Buffer.from(values).toString("hex"), artifact.blake3);
          const { sha256, blake3 } = artifact;
          assert.deepEqual(await store.seal({ signal }), { length, sha256, blake3 });
          assert.equal(store.hashedPieces, store.pieceCount);
          await store.close();
          assert.ok(readFileSync(part).equals(bytes));
          assert.equal(existsSync(place.map), false, "the map is left over");
        });
      }
    }

    test("SHA-256 catches up with pieces that came early while others follow", async () => {
      const { bytes, list, open } = await placeOf(longest);
      const store = await open();
      await store.setPieceList(list);
      const early = numbersBelow(10).slice(1), following = numbersBelow(store.pieceCount).slice(10);
      const put = async (index: number) => {
        await putPiece(store, bytes, index);
        return index + 1 - store.hashedPieces;
      };
      const behind = await Promise.all([...early, 0, ...following].map(put));
      assert.equal(Math.max(...behind.slice(-20)), 0);
    });

    test("a wrong piece is refused, nothing of it is kept, and the right one can follow", async () => {
      const place = await placeOf(sequenceOf(3 * MIB + 5));
      const { bytes } = place;
      const store = await place.open();
      await store.setPieceList(place.list);
      assert.equal(await putPiece(store, bytes, 0), true);
      for (const index of [1, 3]) {
        assert.equal(await putPiece(store, altered(bytes), index), false);
        assert.deepEqual([store.has(index), store.valueOf(index), heldOf(store)], [false, undefined, [0]]);
      }
      assert.equal(await putPiece(store, altered(bytes), 0), false, "a held piece does not make a liar right");
      assert.equal(await putPiece(store, bytes, 0), true);
      assert.deepEqual([heldOf(store), store.heldBytes], [[0], MIB]);
      for (const index of [3, 2, 1]) assert.equal(await putPiece(store, bytes, index), true);
      assert.equal((await store.seal({ signal })).sha256, place.artifact.sha256);
    });

    test("the only piece of a small file is proven by its digest", async () => {
      const place = await placeOf(sequenceOf(1000));
      const store = await place.open();
      assert.equal(await putPiece(store, altered(place.bytes), 0), false);
      assert.deepEqual(await store.setPieceList(new Uint8Array()), []);
      await assert.rejects(store.setPieceList(new Uint8Array(VALUE_BYTES)), fails("E_SIZE_MISMATCH"));
      assert.equal(await putPiece(store, place.bytes, 0), true);
    });

    test("a list that lies is refused and changes nothing", async () => {
      const place = await placeOf(sequenceOf(3 * MIB));
      const store = await place.open();
      await putPiece(store, altered(place.bytes), 1);
      for (
        const [list, code] of [
          [place.list.subarray(0, -1), "E_SIZE_MISMATCH"],
          [new Uint8Array(), "E_SIZE_MISMATCH"],
          [new Uint8Array(place.list.length + VALUE_BYTES), "E_SIZE_MISMATCH"],
          [altered(place.list), "E_HASH_MISMATCH"],
        ] as const
      ) {
        await assert.rejects(store.setPieceList(list), fails(code));
        assert.deepEqual([store.isListed, heldOf(store)], [false, [1]]);
      }
    });

    test("when the list comes late, wrong pieces are named and dropped, right ones stay", async () => {
      const place = await placeOf(sequenceOf(5 * MIB + 1));
      const { bytes, list } = place;
      const store = await place.open();
      const wrong = [1, 4];
      for (const index of [0, 1, 2, 4, 5]) {
        const given = wrong.includes(index) ? altered(bytes) : bytes;
        assert.equal(await putPiece(store, given, index), true, "without a list nobody can tell");
      }
      assert.deepEqual(store.valueOf(0), list.slice(0, VALUE_BYTES));
      assert.notDeepEqual(store.valueOf(1), list.slice(VALUE_BYTES, 2 * VALUE_BYTES));
      assert.deepEqual(await store.setPieceList(list), wrong);
      assert.deepEqual([heldOf(store), store.heldBytes], [[0, 2, 5], 2 * MIB + 1]);
      for (const index of [3, 4, 1]) assert.equal(await putPiece(store, bytes, index), true);
      assert.equal((await store.seal({ signal })).sha256, place.artifact.sha256);
    });

    test("without a list a piece can be replaced, and the whole is measured anew", async () => {
      const place = await placeOf(sequenceOf(4 * MIB));
      const store = await place.open();
      for (const index of [0, 1, 2, 3]) await putPiece(store, index === 1 ? altered(place.bytes) : place.bytes, index);
      await putPiece(store, place.bytes, 1);
      const { length, sha256, blake3 } = place.artifact;
      assert.deepEqual(await store.seal({ signal }), { length, sha256, blake3 });
    });

    test("what is wrong as a whole is measured as it is, and can be fetched again", async () => {
      const place = await placeOf(sequenceOf(2 * MIB));
      const store = await place.open();
      for (const index of [0, 1]) await putPiece(store, altered(place.bytes), index);
      const measured = await store.seal({ signal });
      assert.notEqual(measured.sha256, place.artifact.sha256);
      assert.notEqual(measured.blake3, place.artifact.blake3);
      await store.clear();
      assert.deepEqual([heldOf(store), store.heldBytes, store.hashedPieces, store.isListed], [[], 0, 0, false]);
      for (const index of [1, 0]) await putPiece(store, place.bytes, index);
      assert.equal((await store.seal({ signal })).blake3, place.artifact.blake3);
    });

    test("after a clear the next run finds what came later, though the file was once complete", async () => {
      const place = await placeOf(sequenceOf(2 * MIB));
      const store = await place.open();
      for (const index of [0, 1]) await putPiece(store, place.bytes, index);
      await store.seal({ signal });
      await store.clear();
      await putPiece(store, place.bytes, 1);
      await store.close();
      const again = await place.open();
      assert.deepEqual([heldOf(again), again.resumedBytes], [[1], MIB]);
      await again.clear();
      assert.deepEqual([again.heldBytes, again.resumedBytes], [0, 0]);
    });

    test("clear keeps a proven list", async () => {
      const place = await placeOf(sequenceOf(2 * MIB));
      const store = await place.open();
      await store.setPieceList(place.list);
      await putPiece(store, place.bytes, 1);
      await store.clear();
      assert.deepEqual([store.isListed, heldOf(store)], [true, []]);
      assert.equal(await putPiece(store, altered(place.bytes), 1), false);
    });

    test("so many buffers and no more; whoever waits gets the first that comes back", async () => {
      const place = await placeOf(sequenceOf(3 * MIB));
      const store = await place.open();
      const buffers = await Promise.all(Array.from({ length: 32 }, () => store.takeBuffer({ signal })));
      const controller = new AbortController();
      const aborted = store.takeBuffer({ signal: controller.signal });
      const waiting = store.takeBuffer({ signal });
      controller.abort(new Error("any reason"));
      await assert.rejects(aborted, fails("E_INTERRUPTED"));
      await assert.rejects(store.takeBuffer({ signal: AbortSignal.abort() }), fails("E_INTERRUPTED"));
      store.returnBuffer(buffers.pop()!); // there are 32
      assert.equal((await waiting).length, MIB);
      const next = store.takeBuffer({ signal });
      const [first] = buffers;
      assert.ok(first !== undefined);
      first.set(pieceOf(place.bytes, 0));
      assert.equal(await store.put(0, first), true);
      assert.equal((await next).length, MIB);
      const never = assert.rejects(store.takeBuffer({ signal }), fails("E_INTERRUPTED"));
      await store.close();
      await never;
    });

    test("a file that another process took away, proven, is written to no more", async () => {
      const place = await placeOf(sequenceOf(2 * MIB));
      const store = await place.open();
      await putPiece(store, place.bytes, 0);
      const taken = join(place.partialDir, "taken");
      renameSync(place.part, taken);
      await assert.rejects(putPiece(store, place.bytes, 1), fails("E_IO", "any more"));
      await assert.rejects(store.clear(), fails("E_IO", "any more"));
      assert.ok(readFileSync(taken).equals(place.bytes.subarray(0, MIB)));
      writeFileSync(place.part, "of another process");
      await assert.rejects(putPiece(store, place.bytes, 1), fails("E_IO", "any more"));
    });

    test("the list is what it was when it was given", async () => {
      const place = await placeOf(sequenceOf(2 * MIB));
      const store = await place.open();
      const around = new Uint8Array(place.list.length + 64).fill(9);
      const list = around.subarray(32, -32);
      list.set(place.list);
      const set = store.setPieceList(list);
      list.fill(0);
      assert.deepEqual(await set, []);
      await putPiece(store, place.bytes, 1);
      assert.deepEqual(store.valueOf(1), place.list.slice(VALUE_BYTES));
    });

    test("what nobody may ask is refused", async () => {
      const place = await placeOf(sequenceOf(3 * MIB));
      const store = await place.open();
      const buffer = await store.takeBuffer({ signal });
      for (const index of [-1, 3, 0.5, NaN]) await assert.rejects(store.put(index, buffer), RangeError);
      await assert.rejects(store.put(0, buffer.subarray(1)), RangeError);
      await store.close();
      await store.close();
      await assert.rejects(store.put(0, buffer), fails("E_INTERRUPTED"));
      await assert.rejects(store.setPieceList(place.list), fails("E_INTERRUPTED"));
      await assert.rejects(store.clear(), fails("E_INTERRUPTED"));
      await assert.rejects(store.takeBuffer({ signal }), fails("E_INTERRUPTED"));
    });
  });
}
