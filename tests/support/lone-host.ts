// The product's node by itself: it listens, knows nobody, and may connect to anybody.
// Must not: be asked for a setting; who needs another node makes it.
import { after } from "node:test";
import { createHost, type Host } from "../../src/gossip/host.ts";
import { loadLibp2p } from "../../src/heavy/gossip.ts";
import { freshAddress } from "./gossip-network.ts";
import { newIdentity } from "./new-identity.ts";

/** Stopped at the end of the test file. */
export async function startLoneHost(): Promise<Host> {
  const o = { topic: "t", identity: newIdentity(), listen: [freshAddress()], named: new Set<string>() };
  const host = await createHost(await loadLibp2p(), { ...o, allowPrivate: true, isShutOut: () => false });
  await host.start();
  after(() => host.stop());
  return host;
}
