// What every command is given: where its home is, how it speaks, when it must stop. Design: docs/cli.md, "Options of
// every command". Must not: let a command read the environment for itself.
import { homedir, userInfo } from "node:os";
import { join, resolve } from "node:path";
import { UpdateError } from "../errors.ts";
import type { AlertLimit } from "../service/alert-limit.ts";
import type { Arguments } from "./command.ts";
import { createOutput, type Output, type Terminal } from "./output.ts";
import type { StandardStream } from "./standard-stream.ts";

/** The process as the command line sees it; tests and the entry hand it in. */
export interface Host {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: StandardStream;
  readonly stderr: Terminal;
  /** Aborted by SIGINT and SIGTERM, and by SIGHUP where the command does not take signals. */
  readonly signal: AbortSignal;
  /**
   * For a command that passes signals on, those that end it included; a second one then does not end it at once.
   * @returns an end to it
   */
  readonly takeSignals: (handler: (name: NodeJS.Signals) => void) => () => void;
}

export interface Context {
  /** Absolute path of the home folder. Reading it @throws UpdateError E_USAGE where there is none */
  readonly home: string;
  /** False where nobody said which, and the user has no folder of his own, as in some containers. */
  readonly hasHome: boolean;
  readonly out: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly takeSignals: Host["takeSignals"];
  /** Of a long-running command, which meets the same liar again and again; others tell of each. */
  readonly alertLimit?: AlertLimit;
  /** Milliseconds since the epoch, fixed when the command started (TUF 5.1). */
  readonly nowMs: number;
}

export function createContext(host: Host, a: Arguments): Context {
  const { env } = host;
  const home = a.string("home") ?? (env["DCHAT_HOME"] || defaultHome());
  return {
    get home() {
      if (home !== undefined) return resolve(home);
      throw new UpdateError("E_USAGE", "there is no home folder: HOME is not set, and this user has none", {
        hint: "say where it is to be: --home DIR, or DCHAT_HOME",
      });
    },
    hasHome: home !== undefined,
    env,
    signal: host.signal,
    takeSignals: host.takeSignals,
    nowMs: Date.now(),
    out: createOutput({
      stdout: host.stdout,
      stderr: host.stderr,
      json: a.flag("json"),
      quiet: a.flag("quiet"),
      verbose: a.flag("verbose"),
      plain: a.flag("no-color") || isPlain(env),
    }),
  };
}

/** `.dchat` in the user's own folder. */
function defaultHome(): string | undefined {
  // Runtimes differ where HOME is empty or the user unknown: an empty path, null or an error. Never a path that depends
  // on the folder one happens to be in: whose trust would that be?
  for (const ask of [homedir, () => userInfo().homedir]) {
    try {
      const folder = ask();
      if (folder) return join(folder, ".dchat");
    } catch {
      // The next one may know.
    }
  }
  return undefined;
}

/** Plain words where colour is not wanted (NO_COLOR) or symbols cannot be shown (a locale without UTF-8). */
function isPlain(env: Host["env"]): boolean {
  if ((env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb") return true;
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  return locale !== "" && !/utf-?8/i.test(locale); // no locale at all is what containers have: their logs are UTF-8
}
