// run: the daemon plus the node under a supervisor, in the foreground. Design: docs/cli.md, "Running the node" of
// docs/activation.md. Here the parts are wired: what the home knows, what shall run, and how it is told.
// Must not: decide or start anything, or do any of the network's work in this process.
import type { HealthCheck } from "../../activate/supervise/health.ts";
import { hardForkPassed } from "../../activate/decide/permission.ts";
import { supervise } from "../../activate/supervise/supervisor.ts";
import { readCurrent } from "../../activate/current.ts";
import type { ChainWatch } from "../../chain/watch-chain.ts";
import { UNSEEN_OWNER_WAIT_MS, withLock } from "../../disk/lock.ts";
import { UpdateError } from "../../errors.ts";
import { keptHeight, openActivation } from "../activation.ts";
import { withChain } from "../chain.ts";
import { type Arguments, type Command, type CommandResult, OUTPUT_OPTIONS } from "../command.ts";
import type { Context } from "../context.ts";
import { givenOptions, readServiceOptions, SERVICE_OPTIONS } from "../daemon/daemon-options.ts";
import { nodeSeedOf } from "../decision.ts";
import { ownCommand } from "../own-command.ts";
import { nodeUnit } from "../systemd-unit.ts";
import { createRunLog, type RunLog } from "./run-log.ts";
import { createNetworkHalf, type NetworkHalf } from "./run-network.ts";
import { createHoldBack, createTrustWatch, readTemplate, readyFor } from "./run-ready.ts";
import { createRunVerdict } from "./run-verdict.ts";

// Long enough for a database to be closed; docker's own patience is shorter, and an operator can say more.
const DEFAULT_STOP_MS = 30_000;
// A node opens its database and then its ports; what migrates its data first has to be given longer.
const DEFAULT_HEALTH_MS = 30_000;
// A snapshot takes seconds, a copy of a large database minutes.
const DEFAULT_BACKUP_MS = 600_000;
// Chains make a block in seconds; a decision reads a few small files.
const DEFAULT_POLL_MS = 1_000;
/** A node that says nothing of itself has to stay alive for so long. */
const ALIVE_MS = 5_000;
/** A day; longer is as good as no limit. */
const MAX_SECONDS = 86_400;
/** For `run` itself to end after the node has. */
const UNIT_SPARE_SECONDS = 20;
/** For the shell: names in them are found from where `run` was started. */
const COMMAND_OPTIONS = ["health-cmd", "backup-cmd", "preflight-cmd"];
/** The network half waits for the node to be started; where there is none to start, no longer than this. */
const LATEST_NETWORK_MS = 3_000;

export const runCommand: Command = {
  name: "run",
  summary: "run the node: the right version, one of it, and switched when it is time; with the daemon beside it",
  keepsLog: true,
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
    offline: { type: "boolean", help: "the node alone, no daemon beside it: nothing is asked, fetched or installed" },
    ...SERVICE_OPTIONS,
    "print-systemd": { type: "boolean", help: "print a systemd unit with this command line, and do nothing else" },
    restart: { type: "truth", help: "start the node again when it ends (true)" },
  },
  details: `CMD is the node's command line after "--"; {program} in it stands for the program of the version that runs,
{version} for its number. Without CMD it is the program alone. The node finds DCHAT_PROGRAM, DCHAT_VERSION and, where
there are such, DCHAT_HALT_HEIGHT and DCHAT_ACTIVATION_HEIGHT in its environment.`,
  async run(c, a) {
    if (process.platform === "win32") throw new UpdateError("E_USAGE", "run needs a POSIX system");
    const log = createRunLog(c.out), logged: Context = { ...c, out: { ...c.out, note: log.note, warn: log.warn } };
    const health = readHealthCheck(a), template = readTemplate(logged, a);
    readServiceOptions(a); // what the daemon would refuse is told before the node is started
    if (a.flag("print-systemd")) return unitResult(c, a);
    const session = await openActivation(c, a), { home, staging } = session;
    const network = networkHalf(c, a, log);
    const trust = createTrustWatch(session);
    const onWait = ({ pid, isAlive }: { pid: number; isAlive: boolean | "unknown" }) => {
      if (isAlive === true) throw new UpdateError("E_LOCKED", `process ${pid} supervises the node of ${home.dir}`);
      log.note("waiting for a supervisor that nobody can see from here; after a minute of silence it counts as gone");
    };
    const pollMs = a.seconds("poll", MAX_SECONDS) ?? DEFAULT_POLL_MS;
    let late: ReturnType<typeof setTimeout> | undefined;
    const running = async (watch: ChainWatch | undefined) => {
      await using verdict = createRunVerdict(logged, { session, trust, watch, pollMs });
      const holdBack = createHoldBack(nodeSeedOf(home), verdict.latest, log.note);
      late = setTimeout(() => network?.begin(), LATEST_NETWORK_MS);
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
        ready: async (version, running) => holdBack(await readyFor(await trust(), session, version, template), running),
        async mayGoBack(version) {
          const state = await trust();
          return hardForkPassed(state, version, await keptHeight(home, state)) === undefined;
        },
        onNews: verdict.onHeight,
        health,
        healthTimeoutMs: a.seconds("health-timeout", MAX_SECONDS) ?? DEFAULT_HEALTH_MS,
        stopTimeoutMs: a.seconds("stop-timeout", MAX_SECONDS) ?? DEFAULT_STOP_MS,
        pollMs,
        backup: a.string("backup-cmd"),
        backupTimeoutMs: a.seconds("backup-timeout", MAX_SECONDS) ?? DEFAULT_BACKUP_MS,
        restart: a.truth("restart") ?? true,
        // With --json stdout is ours alone.
        stdout: c.out.json ? 2 : "inherit",
        onEvent(e) {
          log.event(e);
          network?.begin(); // the node comes first
        },
        onSignal: c.takeSignals,
      });
      const version = (await readCurrent(home))?.version ?? null;
      return { lines: [], json: { version, exitCode: code }, exitCode: code };
    };
    const lock = { signal: c.signal, waitMs: UNSEEN_OWNER_WAIT_MS, onWait };
    try {
      return await withLock(home.runLock, lock, () => withChain(c, a, session, running));
    } finally {
      clearTimeout(late);
      await network?.stop();
    }
  },
};

function readHealthCheck(a: Arguments): HealthCheck {
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

/** The unit that runs the same command line. */
function unitResult(c: Context, a: Arguments): CommandResult {
  const { "print-systemd": _, ...options } = { ...runCommand.options, ...OUTPUT_OPTIONS };
  const command = [...ownCommand(), "run", "--home", c.home, ...givenOptions(a, options), "--", ...a.positionals];
  const stopMs = a.seconds("stop-timeout", MAX_SECONDS) ?? DEFAULT_STOP_MS;
  const hasCommands = a.positionals.length > 0 || COMMAND_OPTIONS.some((name) => a.string(name) !== undefined);
  const place = { home: c.home, env: c.env, folder: hasCommands ? process.cwd() : undefined };
  const unit = nodeUnit(command, place, Math.ceil(stopMs / 1000) + UNIT_SPARE_SECONDS);
  return { lines: unit, json: { unit: `${unit.join("\n")}\n` } };
}

/** The daemon beside the node, with the options of this command line; undefined where nobody wants one. */
function networkHalf(c: Context, a: Arguments, log: RunLog): NetworkHalf | undefined {
  if (a.flag("offline")) return undefined;
  const options = givenOptions(a, { ...SERVICE_OPTIONS, ...OUTPUT_OPTIONS });
  return createNetworkHalf({
    command: [...ownCommand(), "daemon", "--attached", "--home", c.home, ...options],
    signal: c.signal,
    onEnd: log.networkEnded,
  });
}
