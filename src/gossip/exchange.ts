// One request to a peer and its whole answer, within limits of size and time. Design: docs/formats.md, "Peer protocol".
// Must not: know what the bytes mean.
import type { Connection } from "@libp2p/interface";
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

/**
 * @returns what follows `ok`; otherwise the word that was answered instead
 * @throws UpdateError E_TOO_LARGE, E_MALFORMED, E_UNREACHABLE, E_TIMEOUT
 */
export async function askPeer(
  connection: Connection,
  request: PeerRequest,
  { maxBytes, idleMs, timeoutMs, signal }: ExchangeLimits,
): Promise<Uint8Array | "none" | "busy" | "unknown"> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    const stream = await connection.newStream(PEER_PROTOCOL, { signal: limited });
    const bytes = createByteStream(stream, { signal: limited, idleMs });
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
  } catch (e) {
    if (e instanceof UpdateError || signal.aborted) throw e;
    throw new UpdateError("E_UNREACHABLE", "the peer broke off the exchange", { cause: e });
  }
}
