// A mirror that was signed for is reached at public addresses only, for metadata and for pieces; names are looked at too.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { metadataMirrors } from "../../../src/cli/session.ts";
import { createSources } from "../../../src/sources/index.ts";
import { artifactOf, testBytes } from "../../support/artifact.ts";
import { fails } from "../../support/fails.ts";
import { CA_FILE, startHttpServer } from "../../support/http-server.ts";
import { createClosing, testClient } from "../../support/test-client.ts";

const signal = new AbortController().signal;

describe("a signed mirror whose name leads into this machine", { timeout: 60_000 }, () => {
  const closing = createClosing();
  after(() => closing.closeAll());

  test("is not asked, and the operator's own of the same name is", async () => {
    let asked = 0;
    const server = closing.keep(await startHttpServer((_, r) => r.writeHead(404).end(String(++asked)), { tls: true }));
    const client = closing.keep(testClient({ caFile: CA_FILE }));
    const artifact = await artifactOf(testBytes(2 << 20)); // two pieces, so that there is a list of them
    const ask = async (origin: "config" | "signed", code: "E_ABSENT" | "E_FORBIDDEN_ADDRESS") => {
      const mirrors = [{ url: `https://mirror.test:${server.port}`, type: "https", priority: 1, origin }];
      const [metadata] = metadataMirrors(mirrors, client);
      const [source] = createSources(mirrors, { packagesDir: "/nowhere", client }, "https");
      assert.ok(metadata !== undefined && source !== undefined);
      await assert.rejects(metadata.fetch("metadata/timestamp.json", 100, { signal }), fails(code));
      const reader = await source.open(artifact, { signal });
      await assert.rejects(Array.fromAsync(reader.read(0, 1, { signal })), fails(code));
      await assert.rejects(reader.pieceList({ signal }), fails(code));
      await reader.close();
    };
    await ask("signed", "E_FORBIDDEN_ADDRESS");
    assert.equal(asked, 0);
    await ask("config", "E_ABSENT");
    assert.equal(asked, 3);
  });
});
