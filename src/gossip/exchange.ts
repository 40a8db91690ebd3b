// One request to a peer and its whole answer, within limits of size and time. Design: docs/formats.md, "Peer protocol".
// Must not: know what the bytes mean.
import type { Connection } from "@libp2p/interface";
import { underDeadline } from "../abortable.ts";
import { UpdateError } from "../errors.ts";
import { createByteStream } from "./byte-stream.ts";
import { formatRequest, parseAnswer, PEER_PROTOCOL, type PeerRequest, readLine, writeLine } from "./peer-protocol.ts";

export interface ExchangeLimits {
  /** Whoever announces more has nothing read. */
  readonly maxBytes: number;
  /** A peer that says nothing for so long will not. */
  readonly idleMs: number;
  /** Of all of it. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What follows `ok`, or the word that was answered instead. */
export type PeerAnswer = Uint8Array | "none" | "busy" | "unknown";

/** @throws UpdateError E_TOO_LARGE, E_MALFORMED, E_UNREACHABLE, E_TIMEOUT */
export async function askPeer(
  connection: Connection,
  request: PeerRequest,
  { timeoutMs, signal, ...limits }: ExchangeLimits,
): Promise<PeerAnswer> {
  const late = () => new UpdateError("E_TIMEOUT", `the peer took longer than ${timeoutMs / 1000} s`);
  try {
    return await underDeadline(timeoutMs, late, signal, (limited) => ask(connection, request, limits, limited));
  } catch (e) {
    if (e instanceof UpdateError || signal.aborted) throw e;
    throw new UpdateError("E_UNREACHABLE", "the peer broke off the exchange", { cause: e });
  }
}

async function ask(
  connection: Connection,
  request: PeerRequest,
  { maxBytes, idleMs }: Pick<ExchangeLimits, "maxBytes" | "idleMs">,
  signal: AbortSignal,
): Promise<PeerAnswer> {
  const stream = await connection.newStream(PEER_PROTOCOL, { signal });
  const bytes = createByteStream(stream, { signal, idleMs });
  try {
    await writeLine(bytes, formatRequest(request));
    const answer = parseAnswer(await readLine(bytes));
    if (answer.status !== "ok") return answer.status;
    if (answer.bytes > maxBytes) {
      const message = `an answer to "${request.get}" of ${answer.bytes} bytes, at most ${maxBytes} are read`;
      throw new UpdateError("E_TOO_LARGE", message);
    }
    return await bytes.read(answer.bytes);
  } finally {
    bytes.abort(); // both sides are done, or this one gives up
  }
}
