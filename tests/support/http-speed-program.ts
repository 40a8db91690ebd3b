// A program for tests/bench/http.ts: receives a file by ranges over several connections into buffers of a piece, with the
// client that is named, again and again. Prints what each time took, in milliseconds of the clock and of the processor.
// Must not: look at the bytes.

import * as http from "node:http";
import * as http2 from "node:http2";
import { connect } from "node:net";
import process from "node:process";
// By its file: Bun answers the bare name with an imitation of its own.
import Pool from "undici/lib/dispatcher/pool.js";
import { createHttpClient } from "../../src/net/http-client.ts";
import { DEFAULT_NETWORK_POLICY } from "../../src/net/network-policy.ts";

const [name = "", url = "", mebibytes = "0", caFile = ""] = process.argv.slice(2);
const TOTAL_BYTES = Number(mebibytes) * 2 ** 20;
const RANGE_BYTES = 8 << 20;
const AT_A_TIME = 4;
const ROUNDS = 3;

type Receive = (range: string, take: (chunk: Uint8Array) => void) => Promise<void>;

const clients: Record<string, () => Receive> = {
  ours: () => oursWith({ reusesChunks: true }),
  "ours, chunks kept": () => oursWith({ reusesChunks: false }),
  undici() {
    const pool = new Pool(new URL(url).origin, { headersTimeout: 0, bodyTimeout: 0 });
    return (range, take) =>
      new Promise((resolve, reject) => {
        pool.dispatch({ path: new URL(url).pathname, method: "GET", headers: { range } }, {
          onRequestStart() {},
          onResponseStart() {},
          onResponseData: (_: unknown, chunk: Uint8Array) => take(chunk),
          onResponseEnd: () => resolve(),
          onResponseError: (_: unknown, e: Error) => reject(e),
        });
      });
  },
  "node:http"() {
    const agent = new http.Agent({ keepAlive: true });
    return (range, take) =>
      new Promise((resolve, reject) => {
        http.get(url, { agent, headers: { range } }, (answer) => answer.on("data", take).on("end", resolve))
          .on("error", reject);
      });
  },
  fetch: () => async (range, take) => {
    const { body } = await fetch(url, { headers: { range } });
    for await (const chunk of body ?? []) take(chunk);
  },
  /** No HTTP at all: what the runtime's sockets take by themselves. */
  socket: () => (range, take) =>
    new Promise((resolve, reject) => {
      const { hostname, port, pathname } = new URL(url);
      const socket = connect(Number(port), hostname);
      socket.on("data", take).on("end", resolve).on("error", reject);
      socket.write(`GET ${pathname} HTTP/1.1\r\nhost: ${hostname}\r\nrange: ${range}\r\nconnection: close\r\n\r\n`);
    }),
  "node:http2"() {
    const session = http2.connect(url, { rejectUnauthorized: false, settings: { initialWindowSize: 1 << 20 } });
    session.once("connect", () => session.setLocalWindowSize?.(16 << 20));
    return (range, take) =>
      new Promise((resolve, reject) => {
        session.request({ ":path": new URL(url).pathname, range })
          .on("data", take).on("end", resolve).on("error", reject);
      });
  },
};

function oursWith(o: { reusesChunks: boolean }): Receive {
  const client = createHttpClient({ ...DEFAULT_NETWORK_POLICY, ...(caFile === "" ? {} : { caFile }) });
  const { signal } = new AbortController();
  return async (range, take) => {
    for await (const chunk of (await client.get(url, { ...o, signal, headers: { range } })).body) take(chunk);
  };
}

const receive = clients[name]?.();
if (receive === undefined) throw new Error(`no client ${name}`);
const piece = new Uint8Array(1 << 20);

async function once(): Promise<void> {
  let next = 0, received = 0;
  await Promise.all(Array.from({ length: AT_A_TIME }, async () => {
    while (next < TOTAL_BYTES) {
      const first = next;
      next += RANGE_BYTES;
      let at = 0;
      await receive!(`bytes=${first}-${first + RANGE_BYTES - 1}`, (chunk) => {
        received += chunk.length;
        for (let rest = chunk; rest.length > 0;) {
          const part = rest.subarray(0, piece.length - at);
          piece.set(part, at);
          at = (at + part.length) % piece.length;
          rest = rest.subarray(part.length);
        }
      });
    }
  }));
  if (received < TOTAL_BYTES) throw new Error(`${received} of ${TOTAL_BYTES} bytes`);
}

const rounds: { ms: number; cpuMs: number }[] = [];
for (let i = 0; i < ROUNDS; i++) {
  const [startMs, before] = [performance.now(), process.cpuUsage()];
  await once();
  const { user, system } = process.cpuUsage(before); // microseconds
  rounds.push({ ms: performance.now() - startMs, cpuMs: (user + system) / 1000 });
}
console.log(JSON.stringify(rounds));
process.exit(0);
