// Gives the memory of a message back as soon as it was used. Left to the collector, 64 MiB of such memory cost a full
// collection, and each message new pages. Design: docs/decisions/0025-peer-data-path.md.
// Must not: be given memory that anybody else may still read.

import { MessageChannel, type MessagePort } from "node:worker_threads";

/** What is as large is never a part of a pool that others have a part of, in any runtime. */
const MIN_BYTES = 32 << 10;
/** What may stand beside a message in its memory: less than anybody else would have there. */
const MAX_BESIDE_BYTES = 16;

/** @param bytes of which nobody else has any; without effect on memory that is shared */
export function release(bytes: Uint8Array): void {
  const { buffer, byteLength } = bytes;
  if (byteLength < MIN_BYTES || buffer.byteLength - byteLength > MAX_BESIDE_BYTES) return;
  if (!(buffer instanceof ArrayBuffer)) return;
  if (buffer.transfer !== undefined) buffer.transfer(0);
  else (nobody ??= closedPort()).postMessage(undefined, [buffer]);
}

/** Node 20 has no `transfer`. What is sent to a port that is closed is taken from its owner, and freed at once. */
let nobody: MessagePort | undefined;

function closedPort(): MessagePort {
  const { port1 } = new MessageChannel();
  port1.close();
  return port1;
}
