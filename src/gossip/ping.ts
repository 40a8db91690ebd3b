// Answers whoever asks whether this node is still there: 32 bytes come, the same go back, as often as he asks.
// Design: docs/gossip.md, "Connections". In place of the library's, which keeps all that comes while its answers are not
// read, and hangs up after ten seconds, which is no time on a slow line that is full. Must not: keep what it has answered.
import type { Stream } from "@libp2p/interface";
import { createByteStream } from "./byte-stream.ts";

/** libp2p's "ping" specification. */
export const PING_PROTOCOL = "/ipfs/ping/1.0.0";
const PING_BYTES = 32;
/** As long as an answer may take for whoever asks (limits.ts). */
const IDLE_MS = 60_000;

/** Until the peer asks no more, or takes no answers. Never throws. */
export async function answerPings(stream: Stream, signal: AbortSignal): Promise<void> {
  const bytes = createByteStream(stream, { signal, idleMs: IDLE_MS });
  try {
    for (;;) await bytes.write(await bytes.read(PING_BYTES), IDLE_MS);
  } catch {
    bytes.abort(); // he has ended, and has his answers
  }
}
