// run: the node under a supervisor, in the foreground. Design: docs/cli.md, "Running the node" of docs/activation.md.
// Here the parts are wired: what the home knows, what shall run, and how it is told. Must not: decide or start anything.
import { stat } from "node:fs/promises";
import type { HealthCheck } from "../activate/health.ts";
import { hardForkPassed, heightsFor } from "../activate/permission.ts";
import type { Ready, SupervisorEvent } from "../activate/supervision.ts";
import { supervise } from "../activate/supervisor.ts";
import { readCurrent } from "../activate/current.ts";
import { withLock } from "../disk/lock.ts";
import { UpdateError } from "../errors.ts";
import type { TrustState } from "../trust/client.ts";
import { type ActivationSession, keptHeight, openActivation } from "./activation.ts";
import type { ChainWatch } from "../chain/watch-chain.ts";
import { withChain } from "./chain.ts";
import { type Arguments, type Command, NETWORK_OPTIONS } from "./command.ts";
import type { Context } from "./context.ts";
import { jsonLine } from "./output.ts";
import { createRunVerdict } from "./run-verdict.ts";

// Long enough for a database to be closed; docker's own patience is shorter, and an operator can say more.
const DEFAULT_STOP_MS = 30_000;
const DEFAULT_HEALTH_MS = 30_000;
const DEFAULT_BACKUP_MS = 600_000;
const DEFAULT_POLL_MS = 1_000;
/** A node that says nothing of itself has to stay alive for so long. */
const ALIVE_MS = 5_000;
const MAX_SECONDS = 86_400;
/** A lock of another container, whose owner nobody can see, is stale after a minute of silence. */
const LOCK_WAIT_MS = 75_000;

export const runCommand: Command = {
  name: "run",
  summary: "run the node: the right version, and one of it",
  positionals: "[CMD…]",
  options: {
    "health-url": { type: "string", value: "URL", help: "the node answers there with its version and pid, as JSON" },
    "health-cmd": { type: "string", value: "CMD", help: "or: a command that ends with 0 when the node is well" },
    "health-timeout": { type: "string", value: "SECONDS", help: "a new version must be well by then (30)" },
    "stop-timeout": {
      type: "string",
      value: "SECONDS",
      help: "longest wait for the node to end before it is killed (30)",
    },
    "backup-cmd": { type: "string", value: "CMD", help: "run between the old version and the new one" },
    "backup-timeout": { type: "string", value: "SECONDS", help: "longest time for that (600)" },
    poll: { type: "string", value: "SECONDS", help: "how often to look what shall run (1)" },
    ...NETWORK_OPTIONS,
    restart: { type: "truth", help: "start the node again when it ends (true)" },
  },
  details: `CMD is the node's command line after "--"; {program} in it stands for the program of the version that runs,
{version} for its number. Without CMD it is the program alone. The node finds DCHAT_PROGRAM, DCHAT_VERSION and, where
there are such, DCHAT_HALT_HEIGHT and DCHAT_ACTIVATION_HEIGHT in its environment.`,
  async run(c, a) {
    if (process.platform === "win32") throw new UpdateError("E_USAGE", "run needs a POSIX system");
    const health = readHealth(a), template = readTemplate(c, a);
    const session = await openActivation(c, a), { home, staging } = session;
    const trust = createTrustWatch(session);
    const onWait = ({ pid, isAlive }: { pid: number; isAlive: boolean | "unknown" }) => {
      if (isAlive === true) throw new UpdateError("E_LOCKED", `process ${pid} supervises the node of ${home.dir}`);
      c.out.note("waiting for a supervisor that nobody can see from here; after a minute of silence it counts as gone");
    };
    const pollMs = a.seconds("poll", MAX_SECONDS) ?? DEFAULT_POLL_MS;
    const running = async (watch: ChainWatch | undefined) => {
      await using verdict = createRunVerdict(c, { session, trust, watch, pollMs });
      const code = await supervise({
        home,
        signal: c.signal,
        verdict: verdict.ask,
        async prove(version, sha256, o) {
          const staged = await staging.find(version);
          if (staged.sha256 !== sha256) {
            throw new UpdateError("E_HASH_MISMATCH", `${version} is installed with other bytes than were asked for`);
          }
          await staging.prove(staged, staged, o);
        },
        ready: async (version) => await readyFor(await trust(), session, version, template),
        async mayGoBack(version) {
          const state = await trust();
          return hardForkPassed(state, version, await keptHeight(home, state)) === undefined;
        },
        health,
        healthTimeoutMs: a.seconds("health-timeout", MAX_SECONDS) ?? DEFAULT_HEALTH_MS,
        stopTimeoutMs: a.seconds("stop-timeout", MAX_SECONDS) ?? DEFAULT_STOP_MS,
        pollMs,
        backup: a.string("backup-cmd"),
        backupTimeoutMs: a.seconds("backup-timeout", MAX_SECONDS) ?? DEFAULT_BACKUP_MS,
        restart: a.truth("restart") ?? true,
        // With --json stdout is ours alone.
        stdout: c.out.json ? 2 : "inherit",
        onEvent: (e) => tell(c, e),
        onSignal: c.takeSignals,
      });
      const version = (await readCurrent(home))?.version ?? null;
      return { lines: [], json: { version, exitCode: code }, exitCode: code };
    };
    const lock = { signal: c.signal, waitMs: LOCK_WAIT_MS, onWait };
    return await withLock(home.runLock, lock, () => withChain(c, a, session, running));
  },
};

function readHealth(a: Arguments): HealthCheck {
  const url = a.string("health-url"), command = a.string("health-cmd");
  if (url !== undefined && command !== undefined) {
    throw new UpdateError("E_USAGE", "--health-url and --health-cmd exclude each other");
  }
  if (command !== undefined) return { command };
  if (url === undefined) return { aliveMs: ALIVE_MS };
  if (!/^http:\/\/./.test(url) || !URL.canParse(url)) {
    throw new UpdateError("E_USAGE", "--health-url must be an http URL of the node on this machine");
  }
  return { url };
}

const PROGRAM = "{program}";

function readTemplate(c: Context, a: Arguments): readonly string[] {
  if (a.positionals.length === 0) return [PROGRAM];
  if (!a.positionals.some((word) => word.includes(PROGRAM) || word.includes("DCHAT_PROGRAM"))) {
    c.out.warn(`the command does not name ${PROGRAM}: it has to start $DCHAT_PROGRAM by itself`);
  }
  return a.positionals;
}

async function readyFor(
  state: TrustState,
  { home, staging }: ActivationSession,
  version: string,
  template: readonly string[],
): Promise<Ready> {
  const { program } = await staging.find(version);
  const current = await readCurrent(home);
  const own = current?.version === version ? current.activationHeight : undefined;
  const { haltHeight, activationHeight } = heightsFor(state, version, own);
  return {
    command: template.map((word) => word.replaceAll(PROGRAM, program).replaceAll("{version}", version)),
    env: {
      DCHAT_PROGRAM: program,
      DCHAT_VERSION: version,
      ...(haltHeight === undefined ? {} : { DCHAT_HALT_HEIGHT: String(haltHeight) }),
      ...(activationHeight === undefined ? {} : { DCHAT_ACTIVATION_HEIGHT: String(activationHeight) }),
    },
  };
}

/** What is trusted now; read again only when the file has changed, because reading verifies every signature. */
function createTrustWatch({ home, store, state: first }: ActivationSession): () => Promise<TrustState> {
  let state = first, seen = "";
  return async () => {
    const info = await stat(home.trustFile).catch(() => undefined);
    const now = info === undefined ? seen : `${info.ino} ${info.size} ${info.mtimeMs}`;
    if (now !== seen) {
      state = await store.load() ?? state;
      seen = now;
    }
    return state;
  };
}

function tell(c: Context, e: SupervisorEvent): void {
  if (c.out.json) {
    c.out.stderr.write(`${jsonLine(e)}\n`);
    return;
  }
  switch (e.type) {
    case "started":
      return c.out.note(`${e.version} started as process ${e.pid}`);
    case "adopted":
      return c.out.note(`${e.version} runs already as process ${e.pid}: it goes on`);
    case "healthy":
      return c.out.note(c.out.line("ok", `${e.version} is well (process ${e.pid})`));
    case "ended":
      return c.out.note(`${e.version} ended (${e.signal ?? e.code ?? "nobody knows how"})`);
    case "switching":
      return c.out.note(c.out.line("package", `switching from ${e.fromVersion ?? "nothing"} to ${e.toVersion}`));
    case "switched":
      return c.out.note(c.out.line("ok", `switched to ${e.toVersion}`));
    case "rolled-back":
      return c.out.warn(`${e.fromVersion} failed (${e.why}): ${e.toVersion ?? "nothing"} runs again`);
    case "waiting":
      return c.out.note(e.why);
    case "problem":
      return c.out.warn(e.why);
  }
}
