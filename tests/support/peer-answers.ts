// What a hostile peer answers whoever asks it. Must not: judge anything.
import type { Stream } from "@libp2p/interface";
import { createByteStream } from "../../src/gossip/byte-stream.ts";
import { readLine, writeLine } from "../../src/gossip/peer-protocol.ts";

/** Answers every request in one way. */
export type Answer = (stream: Stream) => void;

/** Streams end with the nodes. */
const { signal } = new AbortController();

/** @param line undefined for silence */
export const answering = (line: string | undefined, body = new Uint8Array()): Answer => async (stream) => {
  const bytes = createByteStream(stream, { signal, idleMs: 20_000 });
  try {
    await readLine(bytes);
    if (line === undefined) return;
    await writeLine(bytes, line);
    await bytes.write(body);
  } catch {
    bytes.abort(); // given up on
  }
};
