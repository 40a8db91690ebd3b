import assert from "node:assert/strict";
import { test } from "node:test";
import type { Source } from "../../../../src/api.ts";
import { createBackgroundFetch } from "../../../../src/cli/daemon/daemon-fetch.ts";
import { openSession } from "../../../../src/cli/session.ts";
import { homeAt } from "../../../../src/config/home.ts";
import { createHomeTrustStore } from "../../../../src/config/trust-store.ts";
import { UpdateError } from "../../../../src/errors.ts";
import type { GossipNode } from "../../../../src/gossip/node.ts";
import { pinRoot } from "../../../../src/trust/client.ts";
import { listReleases } from "../../../../src/trust/releases.ts";
import { daemonParts } from "../../../support/daemon-parts.ts";
import { createReleaseRepository } from "../../../support/release-repository.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { strictClock, updated } from "../../../support/trust-client.ts";

const NOW = Date.UTC(2026, 0, 1);
const PEERS = 90;
const { signal } = new AbortController();

const broken = (id: string): Source => ({
  id,
  kind: "peer",
  priority: 0,
  open: () => Promise.reject(new UpdateError("E_UNREACHABLE", `no connection to ${id}`)),
});

test("peers that break a download have sixty lines a minute, and the error of it does not name them all", async () => {
  const repository = createReleaseRepository({ seed: "daemon fetch", nowMs: NOW });
  await repository.addRelease("1.0.0");
  repository.publish();
  const state = updated(pinRoot(repository.pinnedRoot), repository.files(), strictClock(NOW));
  const [wanted] = listReleases(state, strictClock(NOW)).artifacts;
  assert.ok(wanted !== undefined);
  const home = homeAt(tempFolder("daemon-fetch"));
  await createHomeTrustStore(home.trustFile).save(state, "complete", { signal });

  const parts = daemonParts({ home: home.dir, now: () => new Date(NOW) });
  const peers = Array.from({ length: PEERS }, (_, i) => broken(`peer:number-${i}`));
  const node: Partial<GossipNode> = {
    sources: () => peers,
    comingSources: async function* () {},
    mirrorHints: () => Promise.resolve([]),
    shutOutSource() {},
  };
  const link = {
    node: () => node as GossipNode, // nothing else of it is needed
    problem: () => undefined,
    stop: () => Promise.resolve(),
  };
  const fetch = createBackgroundFetch(parts.args, link, parts.log);
  const session = await openSession(parts.context, parts.args);
  await assert.rejects(fetch(parts.context, session, wanted), (e: UpdateError) => {
    parts.log.failure("download", e);
    // The cache was asked as well.
    assert.match(e.message, /no connection to peer:number-0; .*; 86 more$/);
    return e.code === "E_UNREACHABLE" && e.message.length < 1_000;
  });
  assert.equal(parts.lines().length, 61, "and one that the download failed");
});
