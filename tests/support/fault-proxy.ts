// A proxy between a client and an honest mirror that cuts, delays, freezes, alters, reorders, repeats and mislabels what
// passes. What it does to an answer depends on its seed, the path, the range and how often that was asked, and on
// nothing else, so that a seed does the same however many connections a client has.
// Must not: invent bytes of its own but the few it adds; hold a large body, it buffers whole answers.
import { type IncomingHttpHeaders, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import { type FaultName, FAULTS, type Passing, send } from "./faults.ts";
import { startHttpServer, type TestServer } from "./http-server.ts";
import { seededRandom } from "./seeded-random.ts";

/** What a seed stands for. */
export interface FaultPlan {
  readonly seed: string;
  readonly kinds: readonly FaultName[];
  /** Of a fault in an answer, 0 to 1. */
  readonly probability: number;
  /** Whether metadata suffers too, or the artifact and its piece list alone. */
  readonly metadataToo: boolean;
}

export interface FaultProxy extends TestServer {
  /** From now on; forgets what was done before. Without a plan everything passes. */
  begin(plan: FaultPlan | undefined): void;
  /** What it did since then, in order. */
  readonly done: readonly { readonly path: string; readonly range: string; readonly fault: FaultName }[];
}

/** @param upstream URL of the honest mirror */
export async function startFaultProxy(upstream: string): Promise<FaultProxy> {
  let plan: FaultPlan | undefined;
  let asked = new Map<string, number>();
  let done: { path: string; range: string; fault: FaultName }[] = [];

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/", range = request.headers.range ?? "";
    const times = (asked.get(`${path} ${range}`) ?? 0) + 1;
    asked.set(`${path} ${range}`, times);
    const random = seededRandom(`${plan?.seed} ${path} ${range} ${times}`);
    const mayFail = plan !== undefined && (plan.metadataToo || path.startsWith("/targets/"));
    const fault = mayFail && random.chance(plan?.probability ?? 0) ? random.pick(plan?.kinds ?? []) : undefined;
    const answer = await fetchFrom(`${upstream}${path}`, range);
    const other = (otherRange: string) => fetchFrom(`${upstream}${path}`, otherRange);
    if (fault !== undefined) done.push({ path, range, fault });
    await (fault === undefined ? send : FAULTS[fault].give)({ request, response, random, other, ...answer });
  }

  const server = await startHttpServer((request, response) => {
    pass(request, response).catch(() => response.destroy());
  });
  return {
    ...server,
    begin(next) {
      plan = next;
      asked = new Map();
      done = [];
    },
    get done() {
      return done;
    },
  };
}

// What a mirror says of its bytes; the rest is between the proxy and its peers.
const PASSED_HEADERS = ["content-length", "content-range", "content-type", "accept-ranges"];

function fetchFrom(url: string, range: string): Promise<Pick<Passing, "status" | "headers" | "body">> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { agent: false, headers: range === "" ? {} : { range } }, (response) => {
      const parts: Uint8Array[] = [];
      response.on("data", (part) => parts.push(part)).on("error", reject).on("end", () => {
        const body = new Uint8Array(Buffer.concat(parts));
        resolve({ status: response.statusCode ?? 0, headers: passedHeaders(response.headers), body });
      });
    });
    request.on("error", reject).end();
  });
}

function passedHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(PASSED_HEADERS.flatMap((name) => {
    const value = headers[name];
    return typeof value === "string" ? [[name, value]] : [];
  }));
}
