// The product's node by itself: it listens, knows nobody, and may connect to anybody.
// Must not: be asked for a setting; who needs another node makes it.
import { after } from "node:test";
import { createHost, type Host } from "../../src/gossip/host.ts";
import { loadLibp2p } from "../../src/heavy/gossip.ts";
import { freshAddress } from "./gossip-network.ts";
import { newIdentity } from "./new-identity.ts";

/**
 * Stopped at the end of the test file.
 * @param at where it listens
 * @param named endpoints that it may connect to though no address of that kind is
 */
export async function startLoneHost(at = freshAddress(), named: readonly string[] = []): Promise<Host> {
  const o = { topic: "t", identity: newIdentity(), listen: [at], named: new Set(named) };
  const host = await createHost(await loadLibp2p(), { ...o, allowPrivate: true, isShutOut: () => false });
  await host.start();
  after(() => host.stop());
  return host;
}
