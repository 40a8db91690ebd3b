// The simulated chain behind the RPCs of real ones, on loopback: what each adapter is tested against.
// Answers are shaped as the nodes' own documents show them, fields that nobody reads included.
// Must not: judge, or know the adapters.
import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createSimulatedChain, type SimulatedChain } from "../../src/chain/simulated-chain.ts";
import { startHttpServer, type TestServer } from "./http-server.ts";

export interface DialectServer extends TestServer {
  readonly chain: SimulatedChain;
  /** What the chain calls itself in this dialect. */
  readonly genesis: string;
  /** How many questions came so far, answered or not. */
  readonly asked: () => number;
}

/** What x/upgrade answers: a plan, none, or that it is not there. */
export type Plan = { readonly name: string; readonly height: number } | null | "no-module";

export interface DialectOptions {
  readonly finalityLag?: number;
  readonly height?: number;
  readonly plan?: Plan;
}

type Dialect = (chain: SimulatedChain, request: Asked, o: DialectOptions) => unknown;

interface Asked {
  readonly path: string;
  /** Of JSON-RPC. */
  readonly method: string;
  readonly params: readonly unknown[];
}

const hex = (n: number) => `0x${n.toString(16)}`;
class Refused extends Error {}

const evm: Dialect = (chain, { method, params: [which] }) => {
  const { latest, finalized, isSyncing } = chain.status();
  if (method === "eth_syncing") return isSyncing ? { startingBlock: "0x0", currentBlock: hex(latest.height) } : false;
  if (method !== "eth_getBlockByNumber") throw new Refused(`the method ${method} does not exist`);
  const block = which === "latest"
    ? latest
    : which === "finalized" || which === "safe"
    ? finalized
    : chain.block(Number(which));
  if (block === undefined) return null;
  const { height, hash } = block;
  return {
    number: hex(height),
    hash,
    parentHash: hash,
    difficulty: "0x0",
    timestamp: "0x65",
    transactions: [],
    size: 2e21,
  };
};

const substrate: Dialect = (chain, { method, params: [what] }) => {
  const { latest, finalized, isSyncing } = chain.status();
  const header = (height: number) => ({ parentHash: chain.genesis, number: hex(height), digest: { logs: [] } });
  if (method === "system_health") return { peers: 3, isSyncing, shouldHavePeers: true };
  if (method === "chain_getFinalizedHead") return finalized.hash;
  if (method === "chain_getBlockHash") return chain.block(Number(what))?.hash ?? null;
  if (method !== "chain_getHeader") throw new Refused("Method not found");
  if (what === undefined) return header(latest.height);
  for (let n = latest.height; n >= 0; n--) if (chain.block(n)?.hash === what) return header(n);
  return null;
};

const cometbft: Dialect = (chain, { path }, { plan = null }) => {
  const { latest, isSyncing } = chain.status();
  const hash = latest.hash.slice(2).toUpperCase();
  if (path === "/status") {
    return {
      node_info: { id: "ab", network: "dchat-1", version: "0.38.17", moniker: "n" },
      sync_info: {
        latest_block_hash: latest.height === 0 ? "" : hash,
        latest_block_height: String(latest.height),
        earliest_block_height: "1",
        catching_up: isSyncing,
      },
      validator_info: { voting_power: "10" },
    };
  }
  const wanted = `/abci_query?path=${encodeURIComponent('"/cosmos.upgrade.v1beta1.Query/CurrentPlan"')}`;
  if (path !== wanted) throw new Refused(`no such path ${path}`);
  if (plan === "no-module") return { response: { code: 6, log: "unknown query path", value: null, codespace: "sdk" } };
  const value = plan === null ? null : Buffer.from(encodePlan(plan)).toString("base64");
  return { response: { code: 0, log: "", index: "0", key: null, value, height: String(latest.height) } };
};

/** QueryCurrentPlanResponse { Plan { name = 1, time = 2, height = 3, info = 4 } = 1 }. */
function encodePlan({ name, height }: { readonly name: string; readonly height: number }): Uint8Array {
  const varint = (n: number): number[] => n < 128 ? [n] : [(n % 128) | 128, ...varint(Math.floor(n / 128))];
  const bytes = (field: number, content: readonly number[]) => [field * 8 + 2, ...varint(content.length), ...content];
  const text = (value: string) => [...new TextEncoder().encode(value)];
  const fields = [
    ...bytes(1, text(name)),
    ...bytes(2, [8, 0]),
    24,
    ...varint(height),
    ...bytes(4, text('{"binaries":{}}')),
  ];
  return new Uint8Array(bytes(1, fields));
}

const simulated: Dialect = (chain, { path }) => {
  const { latest, finalized, isSyncing } = chain.status();
  if (path === "/status") return { genesis: chain.genesis, latest, finalized, syncing: isSyncing };
  return chain.block(Number(path.slice("/block/".length)));
};

const DIALECTS = { evm, substrate, cometbft, simulated };
export type DialectName = keyof typeof DIALECTS;

/** To be closed by whoever starts it. */
export async function startDialect(name: DialectName, o: DialectOptions = {}): Promise<DialectServer> {
  const chain = createSimulatedChain({ name: "dialect", ...o });
  const isJsonRpc = name === "evm" || name === "substrate";
  let asked = 0;
  const server = await startHttpServer((request, response) => {
    asked++;
    if (!chain.status().isAnswering) return void request.socket.destroy();
    void answer(request, response, (asked) => DIALECTS[name](chain, asked, o), isJsonRpc, name === "simulated");
  });
  return { ...server, chain, genesis: name === "cometbft" ? "dchat-1" : chain.genesis, asked: () => asked };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  ask: (asked: Asked) => unknown,
  isJsonRpc: boolean,
  isBare: boolean,
): Promise<void> {
  let text = "";
  try {
    for await (const part of request.setEncoding("utf8")) text += part;
  } catch {
    return; // whoever asked is gone
  }
  if (isJsonRpc && text === "") return void response.writeHead(405).end();
  const sent = isJsonRpc ? JSON.parse(text) : { id: -1, method: "", params: [] };
  const envelope = { jsonrpc: "2.0", id: sent.id };
  let document: unknown;
  try {
    const result = ask({ path: request.url ?? "", method: sent.method, params: sent.params });
    document = isBare ? result : { ...envelope, result };
  } catch (e) {
    if (!(e instanceof Refused)) throw e;
    document = { ...envelope, error: { code: -32601, message: e.message } };
  }
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(document));
}
