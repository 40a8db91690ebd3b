// Standard output and error as the command line uses them: what is written is out in the end, or it is known why not.
// Design: docs/cli.md, "Exit codes". Must not: end the process, or keep what cannot be written any more.
import { asUpdateError } from "../errors.ts";
import type { Terminal } from "./output.ts";

export interface StandardStream extends Terminal {
  readonly waitingLength: number;
  /**
   * Waits until all of it is out; once the program was told to end, not for a reader who does not read.
   * @throws UpdateError E_DISK_FULL, E_IO when something is lost; a reader who closed the pipe (`| head`) has seen enough
   */
  flush(): Promise<void>;
}

/** A reader who is there takes the last words in milliseconds; a supervisor kills what does not end. */
const LAST_WORDS_MS = 1_000;

/** @param told aborted when the program is told to end: before that a reader has all the time he wants, as in `| less` */
export function createStandardStream(stream: NodeJS.WriteStream, told: AbortSignal): StandardStream {
  let failure: unknown;
  /** The last text, on its way; texts leave in order. */
  let last = Promise.resolve();
  let giveUp = () => {};
  let waitingLength = 0;
  const fail = (e: unknown) => {
    failure ??= e;
    giveUp();
  };
  stream.on("error", fail);
  return {
    write(text) {
      if (failure !== undefined) return; // what follows a gap is worth nothing, and some streams would keep it for ever
      waitingLength += text.length;
      last = new Promise((done) => {
        giveUp = done;
        try {
          // Bun tells of a file's error here only, and Deno throws it.
          stream.write(text, (e) => {
            waitingLength -= text.length;
            if (e) fail(e);
            else done();
          });
        } catch (e) {
          fail(e);
        }
      });
    },
    isTTY: stream.isTTY === true,
    get columns() {
      return stream.columns || 80; // 0 is what a terminal says that does not know
    },
    get waitingLength() {
      return waitingLength;
    },
    async flush() {
      const hurry = () => setTimeout(giveUp, LAST_WORDS_MS);
      if (told.aborted) hurry();
      else told.addEventListener("abort", hurry, { once: true });
      await last;
      told.removeEventListener("abort", hurry);
      if (failure !== undefined && !isClosedByReader(failure)) throw asUpdateError(failure, "E_IO");
    },
  };
}

function isClosedByReader(e: unknown): boolean {
  return (e as { code?: unknown } | null)?.code === "EPIPE"; // an errno, as every runtime has it on its errors
}
