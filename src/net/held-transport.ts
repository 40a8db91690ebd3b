// What TLS reads from on Deno. There a TLS socket goes on reading while it is paused, and all that a server sends waits in
// memory; a stream of our own between it and TCP can be held back. Design: docs/decisions/0014-http-clients.md.
// Must not: look at what goes through.

import type { Socket } from "node:net";
import { Duplex } from "node:stream";

/** What can be done to a connection as a whole, of however many layers it is made. */
export interface Flow {
  pause(): unknown;
  resume(): unknown;
  ref(): unknown;
  unref(): unknown;
}

/** Deno does not pause TLS; its name is the only thing that says so. */
export const pausesTls = (): boolean => !("Deno" in globalThis);

export interface HeldTransport extends Flow {
  /** For TLS. */
  readonly stream: Duplex;
}

/**
 * @param socket connected
 * @param flow the socket itself, or it and what is below it
 */
export function createHeldTransport(socket: Socket, flow: Flow): HeldTransport {
  let isHeld = false;
  let hasEnded = false;
  const stream = new Duplex({
    read() {
      if (!isHeld) flow.resume();
    },
    write: (bytes, encoding, done) => void socket.write(bytes, encoding, done),
    final: (done) => void socket.end(done),
    destroy(e, done) {
      socket.destroy();
      done(e);
    },
  });
  socket.on("data", (bytes) => {
    if (!stream.push(bytes) || isHeld) flow.pause();
  });
  socket.on("end", () => {
    hasEnded = true;
    stream.push(null);
  });
  socket.on("error", (e) => stream.destroy(e));
  socket.on("close", () => void (hasEnded || stream.destroy()));
  return {
    stream,
    pause() {
      isHeld = true;
      flow.pause();
    },
    resume() {
      isHeld = false;
      flow.resume();
    },
    ref: () => flow.ref(),
    unref: () => flow.unref(),
  };
}

/** Both layers as one. */
export function joinFlows(a: Flow, b: Flow): Flow {
  const both = (what: keyof Flow) => () => {
    a[what]();
    b[what]();
  };
  return { pause: both("pause"), resume: both("resume"), ref: both("ref"), unref: both("unref") };
}
