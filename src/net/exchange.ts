// One request and its answer over a pool of connections. Design: "time-outs for connecting, first byte and silence" of
// docs/architecture.md. Must not: follow redirects, judge a status, resolve names.

import type { Dispatcher } from "undici";
import { asUpdateError, UpdateError } from "../errors.ts";
import { type Body, createBody, type PaceLimits } from "./body.ts";
import { timedOut, unreachable } from "./net-error.ts";

export interface ExchangeLimits extends PaceLimits {
  readonly firstByteTimeoutMs: number;
}

export interface ExchangeRequest {
  readonly origin: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent by POST; without it the request is a GET. */
  readonly body?: Uint8Array | undefined;
  /** Who is asked, for messages. */
  readonly host: string;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  /** Names in lower case; a repeated header's values joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives the connection up without reading the body; harmless after the body was read. */
  discard(): void;
}

/**
 * Sends a request and waits for the headers of its answer.
 * @throws UpdateError E_UNREACHABLE, E_TIMEOUT, E_INTERRUPTED, and what the pool's connector throws
 */
export function exchange(pool: Dispatcher, request: ExchangeRequest, limits: ExchangeLimits): Promise<Answer> {
  const { host, signal } = request;
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let body: Body | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let finished = false;

    const finish = () => {
      finished = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    };
    const fail = (e: UpdateError) => {
      if (finished) return;
      finish();
      if (body === undefined) reject(e);
      else body.fail(e);
      controller?.abort(e);
    };
    const onAbort = () => fail(asUpdateError(signal.reason, "E_INTERRUPTED"));
    const cancel = () => fail(new UpdateError("E_INTERRUPTED", `${host}: the rest is not wanted`));

    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort);
    const content = request.body === undefined
      ? { method: "GET" as const }
      : { method: "POST" as const, body: request.body };
    pool.dispatch({ origin: request.origin, path: request.path, headers: { ...request.headers }, ...content }, {
      onRequestStart(c) {
        controller = c;
        if (finished) return c.abort(new Error("given up while connecting"));
        const ms = limits.firstByteTimeoutMs;
        timer = setTimeout(() => fail(timedOut(host, "no answer", ms)), ms);
      },
      onResponseStart(c, status, headers) {
        if (finished || status < 200) return; // 1xx comes before the answer
        clearTimeout(timer);
        body = createBody(host, limits, { pause: () => c.pause(), resume: () => c.resume(), cancel });
        resolve({ status, headers: joined(headers), body: body.stream, discard: cancel });
      },
      onResponseData(_, chunk) {
        body?.push(chunk);
      },
      onResponseEnd() {
        if (finished) return;
        finish();
        body?.end();
      },
      onResponseError(_, e) {
        fail(unreachable(host, e));
      },
    });
  });
}

function joined(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      Array.isArray(value) ? value.join(", ") : value ?? "",
    ]),
  );
}
