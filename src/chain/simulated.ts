// The devnet's chain, asked over HTTP. Design: docs/chain.md, "The simulated chain".
// Must not: know how it makes its blocks (simulated-chain.ts), judge the heights.
import type { Opts } from "../api.ts";
import type { HttpClient } from "../net/http-client.ts";
import { UpdateError } from "../errors.ts";
import type { Field } from "../trust/fields.ts";
import type { Finality } from "../trust/x-dchat.ts";
import { type ChainAdapter, createAdapter } from "./chain-clock.ts";
import { finalHeight } from "./finality.ts";
import { getJson, readHash, readNumber } from "./rpc.ts";

export function createSimulatedAdapter(url: string, finality: Finality, client: HttpClient): ChainAdapter {
  if (finality !== "instant" && "tag" in finality && finality.tag !== "finalized") {
    throw new UpdateError("E_USAGE", 'the simulated chain has the tag "finalized" alone');
  }
  const block = async (which: string, o: Opts) => readBlock(await getJson(client, url, `block/${which}`, o));
  return createAdapter("simulated", async (o) => {
    const status = await getJson(client, url, "status", o);
    const latest = readBlock(status.get("latest"));
    const finalized = finality === "instant"
      ? latest
      : "tag" in finality
      ? readBlock(status.get("finalized"))
      : await block(String(finalHeight(latest.height, finality)), o);
    return {
      genesis: readHash(status.get("genesis")),
      latest: Math.max(latest.height, finalized.height),
      finalized: finalized.height,
      hash: finalized.hash,
      isSyncing: status.get("syncing").boolean(),
    };
  });
}

function readBlock(f: Field): { readonly height: number; readonly hash: string } {
  return { height: readNumber(f.get("height")), hash: readHash(f.get("hash")) };
}
