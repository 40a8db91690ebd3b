// One request and its answer over whichever connection there is. Design: "time-outs for connecting, first byte and
// silence" of docs/architecture.md. Must not: follow redirects, judge a status, resolve names.

import type { RoomAt } from "../api.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import { type Body, createBody, type PaceLimits } from "./body.ts";
import type { Route } from "./connect.ts";
import type { HttpConnection, InFlight, Request } from "./connection.ts";
import { type Connections, MAX_IDLE } from "./connections.ts";
import type { Deadlines } from "./deadlines.ts";
import type { AnswerHead } from "./http1-parser.ts";
import { timedOut, unreachable } from "./net-error.ts";

export interface ExchangeLimits extends PaceLimits {
  readonly firstByteTimeoutMs: number;
}

export interface ExchangeRequest extends Request {
  readonly signal: AbortSignal;
  /** The reader is done with a chunk when it asks for the next one: its memory is used again. */
  readonly reusesChunks: boolean;
  readonly roomAt: RoomAt | undefined;
}

/** What exchanges are made with. */
export interface ExchangeMeans {
  readonly connections: Connections;
  readonly deadlines: Deadlines;
  readonly limits: ExchangeLimits;
}

export interface Answer extends AnswerHead {
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives the connection up without reading the body; harmless after the body was read. */
  discard(): void;
}

// As many idle connections as are kept may all have ended, as those to a server that was started anew.
const MAX_TRIES = MAX_IDLE + 1;

/**
 * Sends a request and waits for the headers of its answer.
 * @throws UpdateError E_UNREACHABLE, E_TIMEOUT, E_INTERRUPTED
 */
export async function exchange(route: Route, request: ExchangeRequest, means: ExchangeMeans): Promise<Answer> {
  for (let tries = 1;; tries++) {
    const connection = await take(route, request, means);
    const answer = await send(connection, request, tries < MAX_TRIES, means);
    if (answer !== "was idle") return answer; // which new connections never are
  }
}

async function take(route: Route, { host, signal }: ExchangeRequest, means: ExchangeMeans): Promise<HttpConnection> {
  if (signal.aborted) throw asUpdateError(signal.reason, "E_INTERRUPTED");
  return await means.connections.take(route, signal).catch((e) => {
    throw signal.aborted ? asUpdateError(signal.reason, "E_INTERRUPTED") : unreachable(host, e);
  });
}

/**
 * @param mayBeIdle otherwise such an end is a failure like others
 * @returns "was idle" when the server had ended the connection before it saw the request
 */
function send(
  connection: HttpConnection,
  request: ExchangeRequest,
  mayBeIdle: boolean,
  { deadlines, limits }: ExchangeMeans,
): Promise<Answer | "was idle"> {
  const { host, signal } = request;
  return new Promise((resolve, reject) => {
    let body: Body | undefined;
    let isOver = false;

    const firstByte = deadlines.create(() => {
      fail(timedOut(host, "no answer", limits.firstByteTimeoutMs));
      connection.retire(); // a server that does not answer is not asked again on the same line
    });
    const finish = () => {
      isOver = true;
      firstByte.end();
      signal.removeEventListener("abort", onAbort);
    };
    const fail = (e: UpdateError) => {
      if (isOver) return;
      finish();
      if (body === undefined) reject(e);
      else body.fail(e);
      inFlight.cancel();
    };
    const onAbort = () => fail(asUpdateError(signal.reason, "E_INTERRUPTED"));
    const cancel = () => fail(new UpdateError("E_INTERRUPTED", `${host}: the rest is not wanted`));

    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort);
    firstByte.set(limits.firstByteTimeoutMs);
    const inFlight: InFlight = connection.send(request, {
      onHead(head) {
        if (isOver) return;
        firstByte.end();
        const flow = { pause: inFlight.pause, resume: inFlight.resume, cancel };
        body = createBody({
          host,
          limits,
          deadlines,
          flow,
          reusesChunks: request.reusesChunks,
          // No room for the body of an error or a redirect.
          roomAt: head.status === 200 || head.status === 206 ? request.roomAt : undefined,
        });
        resolve({ ...head, body: body.stream, discard: body.discard });
      },
      onBytes: (chunk) => body?.push(chunk),
      room: () => isOver ? undefined : body?.room(),
      onEnd() {
        if (isOver) return;
        finish();
        body?.end();
      },
      onFailure(e, wasIdle) {
        if (isOver) return;
        if (!wasIdle || !mayBeIdle) return fail(unreachable(host, e));
        finish();
        resolve("was idle");
      },
    });
  });
}
