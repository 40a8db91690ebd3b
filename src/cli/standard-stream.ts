// Standard output and error as the command line uses them: what is written is out in the end, or it is known why not.
// Design: docs/cli.md, "Exit codes". Must not: end the process, or keep what cannot be written any more.
import { asUpdateError } from "../errors.ts";
import type { Terminal } from "./output.ts";

export interface StandardStream extends Terminal {
  /**
   * Waits until all of it is out.
   * @throws UpdateError E_DISK_FULL, E_IO when something is lost; a reader who closed the pipe (`| head`) has seen enough
   */
  flush(): Promise<void>;
}

export function createStandardStream(stream: NodeJS.WriteStream): StandardStream {
  let failure: unknown;
  /** The last text, on its way; texts leave in order. */
  let last = Promise.resolve();
  let giveUp = () => {};
  const fail = (e: unknown) => {
    failure ??= e;
    giveUp();
  };
  stream.on("error", fail);
  return {
    write(text) {
      if (failure !== undefined) return; // what follows a gap is worth nothing, and some streams would keep it for ever
      last = new Promise((done) => {
        giveUp = done;
        try {
          // Bun tells of a file's error here only, and Deno throws it.
          stream.write(text, (e) => e ? fail(e) : done());
        } catch (e) {
          fail(e);
        }
      });
    },
    isTTY: stream.isTTY === true,
    get columns() {
      return stream.columns || 80; // 0 is what a terminal says that does not know
    },
    async flush() {
      await last;
      if (failure !== undefined && !isClosedByReader(failure)) throw asUpdateError(failure, "E_IO");
    },
  };
}

function isClosedByReader(e: unknown): boolean {
  return (e as { code?: unknown } | null)?.code === "EPIPE"; // an errno, as every runtime has it on its errors
}
