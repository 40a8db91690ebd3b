// The faults of fault-proxy.ts: what can happen to an answer on its way. Each says whether a client may call it a lie.
// Must not: know which file it is that passes.
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { SeededRandom } from "./seeded-random.ts";

/** An answer on its way through. */
export interface Passing {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly random: SeededRandom;
  /** What the mirror gives for another range of the same file. */
  other(range: string): Promise<Pick<Passing, "status" | "headers" | "body">>;
}

interface Fault {
  /** Somebody who gives this may be accused. One who only breaks, waits or says no must never be. */
  readonly isLie: boolean;
  readonly give: (p: Passing) => void | Promise<void>;
}

/** Gives other bytes under the honest head, as long as it said. */
const lie = (change: (p: Passing) => Uint8Array): Fault => ({
  isLie: true,
  give: (p) => send({ ...p, body: change(p) }),
});

/** Gives another body and says how long that is. */
const resized = (change: (p: Passing) => Uint8Array): Fault => ({
  isLie: true,
  give: (p) => {
    const body = change(p);
    return send({ ...p, body, headers: { ...p.headers, "content-length": String(body.length) } });
  },
});

const says = (status: number): Fault => ({
  isLie: false,
  give: ({ response }) => void response.writeHead(status, { "content-length": 4 }).end("busy"),
});

const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
/** A place inside a body, which may be its very end. */
const inside = ({ body, random }: Passing): number => random.below(body.length + 1);

export const FAULTS = {
  "hangs up at once": { isLie: false, give: ({ response }) => void response.destroy() },
  "cuts the body": {
    isLie: false,
    give(p) {
      p.response.writeHead(p.status, p.headers);
      p.response.write(p.body.subarray(0, inside(p)), () => p.response.destroy());
    },
  },
  "freezes": { isLie: false, give: (p) => send({ ...p, body: p.body.subarray(0, inside(p)) }, { end: false }) },
  "answers late": {
    isLie: false,
    give: (p) => delay(p.random.below(800)).then(() => send(p)),
  },
  "stutters": { isLie: false, give: (p) => send(p, { pauseMs: 300 }) },
  "is busy": says(503),
  "is asked too often": says(429),
  "has lost it": says(404),
  "ignores the range": { isLie: false, give: async (p) => await send({ ...p, ...await p.other("") }) },
  "does not say how long it is": {
    isLie: false,
    give(p) {
      const { "content-length": _, ...headers } = p.headers;
      return send({ ...p, headers });
    },
  },

  "turns bits": lie((p) => {
    const body = p.body.slice();
    for (let n = 1 + p.random.below(3); n > 0; n--) {
      const at = p.random.below(body.length);
      body[at] = (body[at] ?? 0) ^ (1 << p.random.below(8));
    }
    return body;
  }),
  "gives zeros": lie(({ body }) => new Uint8Array(body.length)),
  "reorders parts": lie((p) => {
    const at = inside(p);
    return concat(p.body.subarray(at), p.body.subarray(0, at));
  }),
  "repeats a part": lie((p) => {
    const at = inside(p), length = p.random.below(100_000) + 1;
    return concat(p.body.subarray(0, at), p.body.subarray(Math.max(0, at - length), at), p.body.subarray(at))
      .subarray(0, p.body.length);
  }),
  "swaps ranges": {
    isLie: true,
    async give(p) {
      const { body } = await p.other(otherRange(p));
      // As much as the head says, however long the other one is.
      await send({ ...p, body: concat(body, p.body).subarray(0, p.body.length) });
    },
  },
  "answers another range": { isLie: true, give: async (p) => await send({ ...p, ...await p.other(otherRange(p)) }) },
  "loses its end": resized((p) => p.body.subarray(0, inside(p))),
  "adds an end": resized((p) => concat(p.body, p.body.subarray(0, 1 + p.random.below(100_000)))),
  "gives a page": resized(() => new TextEncoder().encode("<!doctype html><title>Sign in</title>")),
  "compresses": {
    isLie: true,
    give(p) {
      const body = new Uint8Array(gzipSync(p.body, { level: 1 }));
      const headers = { ...p.headers, "content-length": String(body.length), "content-encoding": "gzip" };
      return send({ ...p, headers, body });
    },
  },
  "garbles its head": {
    isLie: true,
    give({ response, status, headers, body, random }) {
      const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
      const head = new TextEncoder().encode(`HTTP/1.1 ${status} OK\r\n${fields}\r\n`);
      head[random.below(head.length)] = random.below(256);
      response.socket?.write(concat(head, body), () => response.socket?.destroySoon());
    },
  },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

/** The same number of bytes from another place of the same file. */
function otherRange({ headers, body, random }: Passing): string {
  const total = Number(headers["content-range"]?.split("/")[1] ?? body.length);
  const first = random.below(Math.max(1, total - body.length));
  return `bytes=${first}-${first + body.length - 1}`;
}

/** Sends an answer in some parts. @param pauseMs between two of them, at most */
export async function send(
  { response, status, headers, body, random }: Omit<Passing, "request" | "other">,
  { pauseMs = 0, end = true } = {},
): Promise<void> {
  response.writeHead(status, headers);
  const parts = pauseMs > 0 ? 1 + random.below(5) : 1;
  for (let part = 0; part < parts; part++) {
    const [first, last] = [part, part + 1].map((n) => Math.floor(body.length * n / parts));
    if (part > 0) await delay(random.below(pauseMs));
    response.write(body.subarray(first, last));
  }
  if (end) response.end();
}
