// Polkadot and its kin: JSON-RPC, the finalized head. Design: docs/chain.md, "Chains".
// The chain is known by the hash of its block 0. Must not: judge the heights.
import type { Opts } from "../api.ts";
import { UpdateError } from "../errors.ts";
import type { HttpClient } from "../net/http-client.ts";
import type { Finality } from "../trust/x-dchat.ts";
import { type ChainAdapter, createAdapter } from "./chain-clock.ts";
import { finalHeight } from "./finality.ts";
import { createJsonRpc, readHash, readNumber } from "./rpc.ts";

/** The only tag there is. */
const FINALIZED = "finalized";

export function createSubstrateAdapter(url: string, finality: Finality, client: HttpClient): ChainAdapter {
  if (finality !== "instant" && "tag" in finality && finality.tag !== FINALIZED) {
    const tag = JSON.stringify(finality.tag);
    throw new UpdateError(
      "E_USAGE",
      `the root asks for blocks with the tag ${tag}: substrate has "${FINALIZED}" alone`,
    );
  }
  const rpc = createJsonRpc(client, url);
  const hashAt = async (height: number, o: Opts) => readHash(await rpc.call("chain_getBlockHash", [height], o));
  const heightOf = async (hash: readonly string[], o: Opts) =>
    readNumber((await rpc.call("chain_getHeader", hash, o)).get("number"));
  return createAdapter("substrate", async (o) => {
    const [genesis, newest, health] = await Promise.all([
      hashAt(0, o),
      heightOf([], o),
      rpc.call("system_health", [], o),
    ]);
    let finalized: number, hash: string;
    if (finality !== "instant" && "tag" in finality) {
      hash = readHash(await rpc.call("chain_getFinalizedHead", [], o));
      finalized = await heightOf([hash], o);
    } else {
      finalized = finalHeight(newest, finality);
      hash = await hashAt(finalized, o);
    }
    return {
      genesis,
      latest: Math.max(newest, finalized),
      finalized,
      hash,
      isSyncing: health.get("isSyncing").boolean(),
    };
  });
}
