// daemon: stays with the network; hears of releases from peers, proves and stores them, makes what is approved ready, and
// passes it on. Design: docs/gossip.md. Must not: end because of a peer, a mirror or the clock; only its operator ends it.
import { constants, setPriority } from "node:os";
import { type LockHolder, lockHolder, UNSEEN_OWNER_WAIT_MS, withLock } from "../../disk/lock.ts";
import { UpdateError } from "../../errors.ts";
import { type Arguments, type Command, type CommandResult, OUTPUT_OPTIONS } from "../command.ts";
import type { Context } from "../context.ts";
import { createLogWriter } from "../log-line.ts";
import { ownCommand } from "../own-command.ts";
import { openSession, type Session } from "../session.ts";
import { daemonUnit } from "../systemd-unit.ts";
import { givenOptions, readServiceOptions, SERVICE_OPTIONS } from "./daemon-options.ts";
import { runService } from "./daemon-service.ts";

export const daemonCommand: Command = {
  name: "daemon",
  summary: "stay with the network: hear of releases from other nodes, prove them, pass them on",
  keepsLog: true,
  options: {
    ...SERVICE_OPTIONS,
    attached: { type: "boolean", help: "for a program that starts it: end with standard input, go on without a port" },
    "print-systemd": { type: "boolean", help: "print a systemd unit with these options, and do nothing else" },
  },
  async run(c, a) {
    const options = readServiceOptions(a), isAttached = a.flag("attached");
    if (a.flag("print-systemd")) return unitResult(c, a);
    const session = await openSession(c, a);
    const signal = isAttached ? AbortSignal.any([c.signal, endOfInput()]) : c.signal;
    if (isAttached) stepBack();
    const write = createLogWriter(c.out, () => new Date());
    const onWait = ({ isAlive }: LockHolder) => {
      if (isAlive === true) throw new UpdateError("E_LOCKED", "its owner is there");
      const text = "waiting for a daemon that nobody can see from here; after a minute of silence it counts as gone";
      write({ event: "note", text });
    };
    try {
      return await withLock(
        session.home.daemonLock,
        { signal, waitMs: UNSEEN_OWNER_WAIT_MS, onWait },
        () => runService({ ...c, signal }, a, session, { ...options, isPatient: isAttached }),
      );
    } catch (e) {
      if (!(e instanceof UpdateError) || e.code !== "E_LOCKED") throw e;
      throw await lockedError(session, e);
    }
  },
};

/** The unit that runs the same command line. */
function unitResult(c: Context, a: Arguments): CommandResult {
  const options = givenOptions(a, { ...SERVICE_OPTIONS, ...OUTPUT_OPTIONS });
  const command = [...ownCommand(), "daemon", "--home", c.home, ...options];
  const hasCommands = a.string("preflight-cmd") !== undefined;
  const unit = daemonUnit(command, { home: c.home, env: c.env, folder: hasCommands ? process.cwd() : undefined });
  return { lines: unit, json: { unit: `${unit.join("\n")}\n` } };
}

/** Whoever started this process holds the other end: when that is killed, nothing else tells of it. */
function endOfInput(): AbortSignal {
  const ended = new AbortController();
  for (const event of ["end", "close", "error"]) process.stdin.once(event, () => ended.abort());
  process.stdin.resume();
  return ended.signal;
}

/** The node goes before what is made ready for later. */
function stepBack(): void {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // A system that does not let it: then they share.
  }
}

async function lockedError({ home }: Session, cause: UpdateError): Promise<UpdateError> {
  const supervisor = await lockHolder(home.runLock);
  if (supervisor === undefined || supervisor.isAlive === false) {
    return new UpdateError("E_LOCKED", "a daemon is running on this home already", { cause });
  }
  return new UpdateError(
    "E_LOCKED",
    `\`run\` (process ${supervisor.pid}) does the daemon's work on this home already`,
    {
      cause,
      hint: "nothing is to be done; for a daemon of its own start that with: run --offline",
    },
  );
}
