// Ethereum and its kin: JSON-RPC, the finalized tag or a depth. Design: docs/chain.md, "Chains".
// The chain is known by the hash of its block 0; numbers of chains are not unique. Must not: judge the heights.
import type { Opts } from "../api.ts";
import type { HttpClient } from "../net/http-client.ts";
import type { Field } from "../trust/fields.ts";
import type { Finality } from "../trust/x-dchat.ts";
import { type ChainAdapter, createAdapter } from "./chain-clock.ts";
import { finalHeight } from "./finality.ts";
import { createJsonRpc, readHash, readNumber } from "./rpc.ts";

interface Block {
  readonly number: number;
  readonly hash: string;
}

export function createEvmAdapter(url: string, finality: Finality, client: HttpClient): ChainAdapter {
  const rpc = createJsonRpc(client, url);
  const block = async (which: string, o: Opts): Promise<Block> =>
    readBlock(await rpc.call("eth_getBlockByNumber", [which, false], o));
  return createAdapter("evm", async (o) => {
    const [genesis, latest, syncing] = await Promise.all([
      block("0x0", o),
      block("latest", o),
      rpc.call("eth_syncing", [], o),
    ]);
    const finalized = finality === "instant"
      ? latest
      : await block("tag" in finality ? finality.tag : `0x${finalHeight(latest.number, finality).toString(16)}`, o);
    return {
      genesis: genesis.hash,
      // Asked for last, it may be newer than the latest was.
      latest: Math.max(latest.number, finalized.number),
      finalized: finalized.number,
      hash: finalized.hash,
      isSyncing: syncing.value !== false,
    };
  });
}

function readBlock(f: Field): Block {
  if (f.value === null) f.fail("the node has no such block");
  return { number: readNumber(f.get("number")), hash: readHash(f.get("hash")) };
}
