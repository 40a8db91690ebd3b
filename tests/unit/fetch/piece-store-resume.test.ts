// What an earlier run left is proven again and never believed: pieces, map, list, and whatever else lies under those names.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { PIECE_BYTES, VALUE_BYTES } from "../../../src/hash/blake3-core.ts";
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

const MIB = PIECE_BYTES;
const bytes = sequence(6 * MIB + 77);
const COUNT = 7;
const HEADER_BYTES = 16;

/** Changes a file in place. */
function change(file: string, edit: (bytes: Uint8Array) => void): void {
  const content = readFileSync(file);
  edit(content);
  writeFileSync(file, content);
}

const valueIn = (list: Uint8Array, index: number) => list.slice(index * VALUE_BYTES, (index + 1) * VALUE_BYTES);

for (const [name, host] of Object.entries(STORE_HOSTS)) {
  describe(`a store with ${name}`, () => {
    const places: StorePlace[] = [];
    after(async () => {
      for (const place of places) await place.remove();
    });

    async function newPlace(content: Uint8Array = bytes): Promise<StorePlace> {
      const place = await storePlace(content, host);
      places.push(place);
      return place;
    }

    /** A place where an earlier run left some pieces. */
    async function leftBy(pieces: readonly number[], o: { listed: boolean } = { listed: true }): Promise<StorePlace> {
      const place = await newPlace();
      const store = await place.open();
      if (o.listed) await store.setPieceList(place.list);
      for (const index of pieces) assert.equal(await putPiece(store, bytes, index), true);
      await store.close();
      return place;
    }

    /** Opens it, fetches what is missing, and requires the right file. @returns what was held at the start */
    async function complete(place: StorePlace): Promise<number[]> {
      const store = await place.open();
      const held = heldOf(store);
      await store.setPieceList(place.list);
      for (let index = 0; index < COUNT; index++) {
        if (!store.has(index)) assert.equal(await putPiece(store, bytes, index), true);
      }
      const { length, sha256, blake3 } = place.artifact;
      assert.deepEqual(await store.seal({ signal }), { length, sha256, blake3 });
      await store.close();
      assert.ok(readFileSync(place.part).equals(bytes));
      assert.equal(existsSync(place.map), false, "the map is left over");
      return held;
    }

    const LEFT: readonly (readonly [pieces: readonly number[], hashed: number])[] = [
      [[], 0],
      [[0], 1],
      [[6], 0],
      [[5, 1, 3], 0],
      [[0, 1, 2, 6], 3],
      [[6, 5, 4, 3, 2, 1, 0], 7],
    ];
    for (const [pieces, hashed] of LEFT) {
      test(`pieces ${pieces} of an earlier run are there again, with the list`, async () => {
        const place = await leftBy(pieces);
        const done: number[] = [];
        const store = await place.open({ onHashing: (n) => done.push(n) });
        const expected = pieces.toSorted((a, b) => a - b);
        assert.deepEqual([heldOf(store), store.isListed, store.hashedPieces], [expected, true, hashed]);
        const heldBytes = expected.reduce((sum, index) => sum + pieceOf(bytes, index).length, 0);
        assert.deepEqual([store.heldBytes, store.resumedBytes], [heldBytes, heldBytes]);
        for (const index of expected) assert.deepEqual(store.valueOf(index), valueIn(place.list, index));
        assert.ok(done.every((n, i) => n > (done[i - 1] ?? 0) && n <= bytes.length), `${done}`);
        await store.close();
        assert.deepEqual(await complete(place), expected);
      });
    }

    test("a byte that was changed on the disk costs its piece and no other", async () => {
      for (const listed of [true, false]) {
        for (const victim of [0, 3, 6]) {
          const place = await leftBy([0, 1, 2, 3, 4, 5, 6], { listed });
          change(place.part, (b) => b[victim * MIB + 70]! ^= 1);
          assert.deepEqual(await complete(place), [0, 1, 2, 3, 4, 5, 6].filter((index) => index !== victim));
        }
      }
    });

    test("without a list pieces are there again unproven, and the list judges them", async () => {
      const place = await newPlace();
      const first = await place.open();
      for (const index of [0, 2, 4]) {
        await putPiece(first, index === 2 ? bytes.map((byte) => byte ^ 1) : bytes, index);
      }
      await first.close();
      const store = await place.open();
      assert.deepEqual([heldOf(store), store.isListed, store.resumedBytes], [[0, 2, 4], false, 3 * MIB]);
      assert.deepEqual(await store.setPieceList(place.list), [2]);
      assert.deepEqual([heldOf(store), store.resumedBytes], [[0, 4], 2 * MIB]);
      await store.close();
      assert.deepEqual(await complete(place), [0, 4]);
    });

    interface Spoiled {
      /** The list in it is still known. */
      readonly isListed: boolean;
      spoil(place: StorePlace): void | Promise<void>;
    }
    const MAPS: Record<string, Spoiled> = {
      "is missing": { isListed: false, spoil: ({ map }) => rmSync(map) },
      "is empty": { isListed: false, spoil: ({ map }) => truncateSync(map) },
      "is cut": { isListed: false, spoil: ({ map }) => truncateSync(map, statSync(map).size - 1) },
      "is too long": { isListed: true, spoil: ({ map }) => writeFileSync(map, "x", { flag: "a" }) },
      "has another beginning": { isListed: false, spoil: ({ map }) => change(map, (b) => b[0]! ^= 1) },
      "is all garbage": { isListed: false, spoil: ({ map }) => change(map, (b) => b.fill(1)) },
      "is all garbage but its beginning": {
        isListed: false,
        spoil: ({ map }) => change(map, (b) => b.fill(1, HEADER_BYTES)),
      },
      "marks all pieces": {
        isListed: true,
        spoil: ({ map }) => change(map, (b) => b.fill(1, HEADER_BYTES + COUNT * VALUE_BYTES)),
      },
      "marks none": {
        isListed: true,
        spoil: ({ map }) => change(map, (b) => b.fill(0, HEADER_BYTES + COUNT * VALUE_BYTES)),
      },
      "has a wrong value": {
        isListed: false,
        spoil: ({ map }) => change(map, (b) => b[HEADER_BYTES + VALUE_BYTES]! ^= 1),
      },
      "is that of another artifact": {
        isListed: false,
        spoil: async ({ map }) => {
          const other = await newPlace(bytes.map((byte) => byte ^ 1));
          const store = await other.open();
          await store.setPieceList(other.list);
          for (let index = 0; index < COUNT; index++) await putPiece(store, other.bytes, index);
          await store.close();
          copyFileSync(other.map, map);
        },
      },
    };
    for (const [what, { spoil, isListed }] of Object.entries(MAPS)) {
      test(`a map that ${what} makes nothing wrong be held`, async () => {
        const place = await leftBy([0, 1, 4]);
        await spoil(place);
        const store = await place.open();
        assert.equal(store.isListed, isListed);
        for (const index of heldOf(store)) {
          assert.ok([0, 1, 4].includes(index), `piece ${index} was never there`);
          assert.deepEqual(store.valueOf(index), valueIn(place.list, index));
        }
        await store.close();
        await complete(place);
      });
    }

    test("a file without a map, as an older version left it, is held as far as it goes", async () => {
      for (
        const [size, pieces] of [[0, 0], [MIB - 1, 0], [3 * MIB, 3], [3 * MIB + 5, 3], [bytes.length - 1, 6]] as const
      ) {
        const place = await newPlace();
        writeFileSync(place.part, bytes.subarray(0, size));
        assert.deepEqual(await complete(place), Array.from({ length: pieces }, (_, index) => index));
      }
    });

    test("the whole file without a map proves itself: nothing is left but to give it its name", async () => {
      const place = await newPlace();
      writeFileSync(place.part, bytes);
      const store = await place.open();
      assert.deepEqual([store.isListed, store.heldBytes, store.resumedBytes], [true, bytes.length, bytes.length]);
      assert.equal((await store.seal({ signal })).sha256, place.artifact.sha256);
    });

    test("a file of another artifact under this name is not mixed in", async () => {
      const place = await leftBy([0, 1, 2]);
      writeFileSync(place.part, bytes.map((byte) => byte ^ 1));
      assert.deepEqual(await complete(place), []);
    });

    test("a file that was cut has the pieces that are whole; one that grew is cut", async () => {
      const cut = await leftBy([0, 1, 2, 3]);
      truncateSync(cut.part, 2 * MIB + 5);
      assert.deepEqual(await complete(cut), [0, 1]);
      const grown = await leftBy([0, 6]);
      writeFileSync(grown.part, "more", { flag: "a" });
      assert.deepEqual(await complete(grown), [0, 6]);
    });

    for (const which of ["part", "map"] as const) {
      test(`what is no file of ours in place of the ${which} is not written through`, async () => {
        const place = await leftBy([0, 1]);
        const elsewhere = join(place.partialDir, "elsewhere"), precious = "precious".repeat(2_000_000);
        const plant = async (how: (path: string) => void) => {
          rmSync(place[which], { force: true });
          writeFileSync(elsewhere, precious);
          how(place[which]);
          await complete(place);
          assert.ok(readFileSync(elsewhere, "utf8") === precious, "it was changed");
        };
        await plant((path) => symlinkSync(elsewhere, path));
        await plant((path) => linkSync(elsewhere, path));
        await plant((path) => symlinkSync(join(place.partialDir, "nowhere"), path));
        assert.equal(existsSync(join(place.partialDir, "nowhere")), false);
        if (process.platform !== "win32") await plant((path) => assert.equal(spawnSync("mkfifo", [path]).status, 0));

        rmSync(place[which], { force: true });
        mkdirSync(place[which]);
        const opened = place.open().then((store) => putPiece(store, bytes, 0));
        await assert.rejects(opened, fails("E_IO"));
        assert.ok(lstatSync(place[which]).isDirectory());
      });
    }

    test("an abort before it is asked leaves nothing behind", async () => {
      const place = await newPlace();
      await assert.rejects(place.open({ signal: AbortSignal.abort() }), fails("E_INTERRUPTED"));
      assert.deepEqual(readdirSync(place.partialDir), []);
    });

    test("an abort while it is proven again ends that, and the next run has it all", async () => {
      const content = sequence(64 * MIB);
      const place = await newPlace(content);
      writeFileSync(place.part, content);
      const controller = new AbortController();
      let calls = 0;
      const onHashing = () => {
        calls++;
        controller.abort();
      };
      await assert.rejects(place.open({ signal: controller.signal, onHashing }), fails("E_INTERRUPTED"));
      if (host.minBytes === Infinity) assert.equal(calls, 1, "it went on");
      await assert.rejects(place.open({ signal: controller.signal }), fails("E_INTERRUPTED"));
      const store = await place.open();
      assert.equal(store.heldBytes, content.length);
    });
  });
}
