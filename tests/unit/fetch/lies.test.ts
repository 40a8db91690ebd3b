import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { AllSourcesFailedError, type ErrorCode } from "../../../src/errors.ts";
import { createHttpsSource } from "../../../src/sources/https.ts";
import { artifactOf, pieceListOf, testBytes } from "../../support/artifact.ts";
import { createDownloadPlace, type DownloadPlace } from "../../support/download-place.ts";
import { fails } from "../../support/fails.ts";
import { unusedPort } from "../../support/http-server.ts";
import * as lies from "../../support/lying-server.ts";
import { createClosing, QUICK, testClient } from "../../support/test-client.ts";

const MIB = 1 << 20;
const bytes = testBytes(4 * MIB + 99);
const artifact = await artifactOf(bytes);
const list = await pieceListOf(bytes);

describe("lies about bytes", { timeout: 120_000 }, () => {
  const closing = createClosing();
  after(() => closing.closeAll());
  const client = closing.keep(testClient({ ...QUICK, rateWindowMs: 500 }));

  function place(): DownloadPlace {
    const made = createDownloadPlace(artifact);
    closing.keep({ close: () => made.remove() });
    return made;
  }
  /** Mirrors in the order they will be asked, one for each lie. */
  const mirrorsWith = (pieceList: Uint8Array | undefined, ...told: lies.Lie[]) =>
    Promise.all(told.map(async (lie, priority) => {
      const { url } = closing.keep(await lies.startLyingServer(bytes, lie, pieceList));
      return createHttpsSource({ url, priority, client });
    }));
  const mirrors = (...told: lies.Lie[]) => mirrorsWith(undefined, ...told);

  const LIES: [what: string, lie: lies.Lie, code: ErrorCode, isRefused: boolean][] = [
    ["an altered first byte", lies.alteredAt(0), "E_HASH_MISMATCH", true],
    ["an altered byte in the middle", lies.alteredAt(0.5), "E_HASH_MISMATCH", true],
    ["an altered last byte", lies.alteredAt(1), "E_HASH_MISMATCH", true],
    ["another release of the same length", lies.otherBytes(testBytes(bytes.length, "other")), "E_HASH_MISMATCH", true],
    ["an error page with status 200", lies.errorPage, "E_SIZE_MISMATCH", true],
    ["a truncated file", lies.shorter, "E_SIZE_MISMATCH", true],
    ["a body that ends early", lies.endsEarly, "E_SIZE_MISMATCH", true],
    ["a connection that is always cut", lies.cutAfter(1000), "E_UNREACHABLE", false],
    ["silence", lies.silentAfter(1000), "E_TIMEOUT", false],
    ["a drip", lies.dripping, "E_TIMEOUT", false],
  ];

  const CASES = LIES.flatMap((known) => [[undefined, ...known] as const, [list, ...known] as const]);
  for (const [pieceList, lies_, lie, code, isRefused] of CASES) {
    const what = pieceList === undefined ? `without a piece list ${lies_}` : lies_;
    test(`${what} is caught, and nothing gets a name`, async () => {
      const at = place();
      await assert.rejects(at.download(await mirrorsWith(pieceList, lie)), (e) => {
        fails(code)(e);
        assert.ok(e instanceof AllSourcesFailedError);
        assert.equal(e.attempts.length, 1);
        return true;
      });
      await at.assertNothingPlaced();
      assert.deepEqual(at.events.map((e) => e.type).filter((t) => t === "refused"), isRefused ? ["refused"] : []);
    });

    test(`${what} does not keep the next mirror from giving the truth`, async () => {
      const at = place();
      const sources = await mirrorsWith(pieceList, lie, lies.truth);
      const got = await at.download(sources);
      await at.assertPlaced(bytes);
      assert.ok(got.sources.some((r) => r.id === sources[1]?.id && r.pieces > 0));
      assert.deepEqual(got.refused.map((r) => [r.source, r.error.code]), isRefused ? [[sources[0]?.id, code]] : []);
    });
  }

  for (const lie of [lies.extraByte, lies.endless]) {
    test(`nothing behind the signed size is read: ${lie.name}`, async () => {
      for (const pieceList of [undefined, list]) {
        const at = place();
        const got = await at.download(await mirrorsWith(pieceList, lie));
        await at.assertPlaced(bytes);
        assert.ok(got.bytesFetched <= bytes.length + 2 * MIB, `${got.bytesFetched} bytes came`);
      }
    });
  }

  test("a liar that poisons the beginning and vanishes is found by comparing, once the truth is known", async () => {
    const at = place();
    const sources = await mirrors(lies.poisonAndVanish(MIB), lies.truth);
    const got = await at.download(sources);
    await at.assertPlaced(bytes);
    assert.deepEqual(got.refused.map((r) => r.source), [sources[0]?.id]);
    const mixture = at.events.find((e) => e.type === "failed" && e.error.code === "E_HASH_MISMATCH");
    assert.ok(mixture?.type === "failed" && mixture.source === `${sources[0]?.id} + ${sources[1]?.id}`);
  });

  test("a liar that continues what an honest mirror began is named when it fails alone", async () => {
    const at = place();
    const sources = await mirrors(lies.vanishAfter(2 * MIB), lies.alteredAt(1), lies.truth);
    const got = await at.download(sources);
    await at.assertPlaced(bytes);
    assert.deepEqual(got.refused.map((r) => r.source), [sources[1]?.id]);
    assert.equal(got.source, sources[2]?.id);
  });

  test("many liars and mixtures leave one honest mirror's bytes", async () => {
    const at = place();
    const sources = await mirrors(
      lies.poisonAndVanish(MIB),
      lies.endsEarly,
      lies.vanishAfter(MIB),
      lies.alteredAt(0.3),
      lies.errorPage,
      lies.dripping,
      lies.alteredAt(0.9),
      lies.truth,
    );
    const got = await at.download(sources);
    await at.assertPlaced(bytes);
    const named = new Set(got.refused.map((r) => r.source));
    assert.ok(!named.has(sources[7]?.id ?? "") && !named.has(sources[2]?.id ?? ""), "no honest mirror is blamed");
    for (const liar of [0, 3, 4]) assert.ok(named.has(sources[liar]?.id ?? ""), `mirror ${liar} is named`);
  });

  test("when a size lie comes in the middle, what others gave before it is kept", async () => {
    const at = place();
    const sources = await mirrors(lies.vanishAfter(2 * MIB), lies.errorPage, lies.truth);
    const got = await at.download(sources);
    await at.assertPlaced(bytes);
    assert.equal(got.bytesFetched, bytes.length);
  });

  test("when everybody fails each reason is told, the gravest decides", async () => {
    const at = place();
    const dead = createHttpsSource({ url: `http://127.0.0.1:${await unusedPort()}`, priority: -1, client });
    const liars = await mirrors(lies.alteredAt(0.5), lies.silentAfter(0), lies.errorPage);
    await assert.rejects(at.download([...liars, dead]), (e) => {
      fails("E_HASH_MISMATCH", "connection refused", "no more bytes", "signed size")(e);
      assert.ok(e instanceof AllSourcesFailedError);
      assert.deepEqual(e.attempts.map((x) => x.error.code).sort(), [
        "E_HASH_MISMATCH",
        "E_SIZE_MISMATCH",
        "E_TIMEOUT",
        "E_UNREACHABLE",
      ]);
      return true;
    });
    await at.assertNothingPlaced();
  });
});
