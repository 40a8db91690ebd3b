// The simulated chain as a process of its own sees it: an HTTP server on loopback that produces a block now and then.
// GET /status, GET /block/N, POST /orders with the orders as JSON. Design: docs/chain.md, "The simulated chain".
// Must not: be reachable from another machine: whoever reaches it commands it.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { UpdateError } from "../errors.ts";
import { readBounded } from "../net/read-bounded.ts";
import { Field } from "../trust/fields.ts";
import { parseJsonObject } from "../trust/json.ts";
import {
  type ChainOrders,
  createSimulatedChain,
  type SimulatedChain,
  type SimulatedChainOptions,
} from "./simulated-chain.ts";

export interface SimulatedServerOptions extends SimulatedChainOptions {
  /** A block each so many milliseconds; without it blocks come by order alone. */
  readonly blockTimeMs?: number;
  /** Any free one by default. */
  readonly port?: number;
}

export interface SimulatedServer {
  readonly url: string;
  readonly chain: SimulatedChain;
  close(): Promise<void>;
}

const MAX_ORDERS_BYTES = 4096;

/** @throws UpdateError E_IO when the port cannot be had */
export async function startSimulatedServer(o: SimulatedServerOptions): Promise<SimulatedServer> {
  const chain = createSimulatedChain(o);
  const server = createServer((request, response) => {
    answer(chain, request, response).catch((e) => {
      const status = e instanceof UpdateError ? 400 : 500;
      if (!response.headersSent) response.writeHead(status);
      response.end(JSON.stringify({ error: e instanceof Error ? e.message : String(e) }));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(new UpdateError("E_IO", "the chain's port cannot be had", { cause })));
    server.listen(o.port ?? 0, "127.0.0.1", resolve);
  });
  const timer = o.blockTimeMs === undefined ? undefined : setInterval(() => chain.apply({ produce: 1 }), o.blockTimeMs);
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    url: `http://127.0.0.1:${port}`,
    chain,
    async close() {
      clearInterval(timer);
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(chain: SimulatedChain, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { latest, finalized, isSyncing, isAnswering } = chain.status();
  const path = request.url ?? "/";
  const isOrder = request.method === "POST" && path === "/orders";
  if (!isAnswering && !isOrder) return void request.socket.destroy();
  if (isOrder) chain.apply(readOrders(await readBody(request)));
  const number = /^\/block\/([0-9]{1,16})$/.exec(path)?.[1];
  const document = isOrder
    ? { height: chain.height }
    : path === "/status"
    ? { genesis: chain.genesis, latest, finalized, syncing: isSyncing }
    : number === undefined
    ? undefined
    : chain.block(Number(number));
  response.writeHead(document === undefined ? 404 : 200, { "content-type": "application/json" });
  response.end(JSON.stringify(document ?? null));
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const tooLarge = () => new UpdateError("E_TOO_LARGE", `orders have ${MAX_ORDERS_BYTES} bytes at most`);
  return await readBounded(request, MAX_ORDERS_BYTES, tooLarge);
}

const COUNTS = ["produce", "reorg", "lieUpward", "fallBackTo"] as const;
const FLAGS = ["syncing", "answering"] as const;

function readOrders(bytes: Uint8Array): ChainOrders {
  const f = new Field(parseJsonObject(bytes, "orders"), "orders");
  const known: readonly string[] = [...COUNTS, ...FLAGS, "haltAt"];
  for (const [name, field] of f.entries()) if (!known.includes(name)) field.fail("is no order");
  const haltAt = f.get("haltAt").optional((h) => h.value === null ? null : h.integer(1));
  return {
    ...Object.fromEntries(COUNTS.flatMap((name) => f.get(name).optional((n) => [[name, n.integer(0)]]) ?? [])),
    ...Object.fromEntries(FLAGS.flatMap((name) => f.get(name).optional((b) => [[name, b.boolean()]]) ?? [])),
    ...(haltAt === undefined ? {} : { haltAt }),
  };
}
