// dchat-update: gets a network of nodes its next version, from anyone, trusting no one.
// The entry: a command line when it is run, a library when it is imported; the only place that exits the process.
// Design: docs/architecture.md. As a library nothing happens on import.
import { setMaxListeners } from "node:events";
import { runCli } from "./src/app.ts";
import { VERSION } from "./src/baked.ts";
import { programArguments } from "./src/cli/deno-arguments.ts";
import { isHangUpIgnored } from "./src/cli/hang-up.ts";
import { isMain } from "./src/cli/is-main.ts";
import { printAtOnce } from "./src/cli/print-at-once.ts";
import { createStandardStream } from "./src/cli/standard-stream.ts";

export type * from "./src/api.ts";
export {
  createTufClient,
  digestFile,
  type TufClient,
  type TufClientOptions,
  verifyEd25519,
  verifyPackage,
  type VerifyPackageOptions,
} from "./src/app.ts";
export { VERSION } from "./src/baked.ts";
export { AllSourcesFailedError, ERROR_CODES, type ErrorCode, UpdateError } from "./src/errors.ts";

if (isMain(import.meta)) {
  const argv = programArguments();
  // Scripts ask this often: answered before streams and signals are set up, which is most of a cold start.
  if (argv.length === 1 && argv[0] === "version") {
    try {
      printAtOnce(`dchat-update ${VERSION}`);
    } catch {
      await main(argv); // a full disk, or a reader who is gone: the long way tells them apart
    }
  } else await main(argv);
}

async function main(argv: readonly string[]): Promise<never> {
  // A dozen peers are no leak. Node 20 calls it one, on stderr among our lines, as soon as a signal has eleven listeners.
  setMaxListeners(0);
  const outlivesTerminal = isHangUpIgnored();
  const stop = new AbortController();
  /** What a supervised program may be told besides to end. */
  const passedOn = ["SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
  let wasAsked = false;
  let takes: ((name: NodeJS.Signals) => void) | undefined;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (wasAsked && takes === undefined) process.exit(130); // asked twice: do not wait for anything
      wasAsked = true;
      stop.abort();
      takes?.(signal);
    });
  }
  // Often more than one comes when a terminal is closed: that is no impatience. What supervises others passes it on.
  if (process.platform !== "win32") {
    process.on("SIGHUP", () => {
      if (takes === undefined && !outlivesTerminal) stop.abort();
    });
  }
  const stdout = createStandardStream(process.stdout, stop.signal);
  const stderr = createStandardStream(process.stderr, stop.signal);
  const code = await runCli({
    argv,
    env: process.env,
    stdout,
    stderr,
    signal: stop.signal,
    takeSignals: (handler) => {
      takes = handler;
      for (const name of passedOn) process.on(name, handler);
      return () => {
        takes = undefined;
        for (const name of passedOn) process.off(name, handler);
      };
    },
  });
  // Pipes are written asynchronously: the last words must be out before the process ends, if there is anybody to read them.
  await Promise.allSettled([stdout.flush(), stderr.flush()]);
  process.exit(code);
}
