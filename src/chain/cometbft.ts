// CometBFT: its /status, and the plan of x/upgrade where the application has one. Design: docs/chain.md, "Chains".
// A block is final when it is there. The chain is known by its chain id. Must not: judge the heights.
import type { Opts } from "../api.ts";
import { UpdateError } from "../errors.ts";
import type { HttpClient } from "../net/http-client.ts";
import type { Finality } from "../trust/x-dchat.ts";
import { type ChainAdapter, type ChainPlan, createAdapter } from "./chain-clock.ts";
import { decodeCurrentPlan } from "./cosmos-plan.ts";
import { finalHeight, withoutTag } from "./finality.ts";
import { getJson, readHash, readNumber } from "./rpc.ts";

const PLAN_QUERY = `abci_query?path=${encodeURIComponent('"/cosmos.upgrade.v1beta1.Query/CurrentPlan"')}`;

export function createCometbftAdapter(url: string, finality: Finality, client: HttpClient): ChainAdapter {
  const rule = withoutTag("cometbft", finality);
  return createAdapter("cometbft", async (o) => {
    const [status, plan] = await Promise.all([getJson(client, url, "status", o), readPlan(client, url, o)]);
    const result = status.get("result"), sync = result.get("sync_info");
    const latest = readNumber(sync.get("latest_block_height"));
    const finalized = finalHeight(latest, rule);
    return {
      genesis: result.get("node_info").get("network").line(256),
      latest,
      finalized,
      // Before its first block a chain has an empty one.
      hash: finalized === latest && latest > 0 ? readHash(sync.get("latest_block_hash")) : undefined,
      isSyncing: sync.get("catching_up").boolean(),
      plan,
    };
  });
}

/** What the application plans. Applications without x/upgrade, and nodes that answer no queries, tell nothing. */
async function readPlan(client: HttpClient, url: string, o: Opts): Promise<ChainPlan | null | undefined> {
  try {
    const response = (await getJson(client, url, PLAN_QUERY, o)).get("result").get("response");
    if (readNumber(response.get("code")) !== 0) return undefined;
    const { value } = response.get("value");
    return typeof value === "string" ? decodeCurrentPlan(Buffer.from(value, "base64")) : null;
  } catch (e) {
    if (o.signal.aborted || !(e instanceof UpdateError)) throw e;
    return undefined;
  }
}
