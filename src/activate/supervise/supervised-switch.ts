// A switch while a node runs: the old one is stopped, the new one started and asked for its health, and taken back when
// it is not well. Design: "A switch under `run`" of docs/activation.md; what bears a crash in the middle is switch.ts.
// Must not: decide whether to switch, or when to try again.
import { requireFreeSpace } from "../../disk/free-space.ts";
import { asUpdateError, UpdateError } from "../../errors.ts";
import { type Current, isSameTry, readCurrent, readFailed, successor } from "../current.ts";
import { runOperatorCommand } from "../operator-command.ts";
import {
  beginSwitch,
  endOf,
  endSwitch,
  type Journal,
  makeSwitch,
  readJournal,
  undoSwitch,
  withActivation,
} from "../switch.ts";
import { checkHealth } from "./health.ts";
import type { KeptNode } from "./kept-node.ts";
import type { SupervisorOptions, Wanted } from "./supervision.ts";
import { clearRequest } from "./switch-request.ts";

/** For the small files of a switch; a disk that has less is full. */
const SPARE_BYTES = 1 << 20;

/** What a switch is made with. */
export interface SwitchMeans {
  readonly o: SupervisorOptions;
  readonly node: KeptNode;
  /** The version cannot be switched to now, and what ran before goes on. */
  readonly onRefused: (wanted: Wanted, why: UpdateError) => void;
}

/**
 * Makes what shall run what runs, or leaves or brings back what ran before.
 * @throws UpdateError E_SWITCH_FAILED when the new version fails and there is no way back; what the disk says
 */
export async function switchNode(means: SwitchMeans, from: Current | undefined, wanted: Wanted): Promise<void> {
  const { o, node, onRefused } = means, { home } = o;
  await withActivation(home, o, async () => {
    try {
      await o.prove(wanted.version, wanted.sha256, o); // while the old one still runs
    } catch (e) {
      onRefused(wanted, asUpdateError(e));
      return await clearRequest(home);
    }
    const { version, sha256, activationHeight } = wanted;
    const to = { version, sha256, activationHeight: activationHeight ?? undefined };
    const journal = { from, to: successor(from, to, new Date().toISOString()), supervised: true };
    o.onEvent({ type: "switching", fromVersion: from?.version ?? null, toVersion: version });
    await requireFreeSpace(home.dir, SPARE_BYTES); // while there is a node to lose
    await beginSwitch(home, journal);
    await node.stop();
    if (o.signal.aborted) return; // the journal stays: the next run finds that nothing was switched
    const why = await backUp(o, journal);
    if (why !== undefined) {
      await endSwitch(home);
      await clearRequest(home);
      return onRefused(wanted, new UpdateError("E_SWITCH_FAILED", `the backup failed: ${why}`));
    }
    await makeSwitch(home, journal);
    await tryNew(means, journal, true);
  });
}

/** Brings a switch that was cut short to one of its ends. @throws UpdateError as `switchNode` */
export async function finishSwitch(means: SwitchMeans): Promise<void> {
  const { home } = means.o;
  await withActivation(home, means.o, async () => {
    const journal = await readJournal(home);
    if (journal === undefined) return;
    const isMade = endOf(journal, await readCurrent(home)) === "new";
    if (isMade && journal.supervised) await tryNew(means, journal, false);
    else await endSwitch(home);
  });
}

/** @returns why the command failed */
async function backUp(o: SupervisorOptions, { from, to }: Journal): Promise<string | undefined> {
  const { backup, backupTimeoutMs, signal } = o;
  if (backup === undefined || from === undefined) return undefined;
  const env = { ...process.env, DCHAT_FROM_VERSION: from.version, DCHAT_TO_VERSION: to.version };
  return await runOperatorCommand({ command: backup, env, signal, timeLimitMs: backupTimeoutMs, endsWithUs: true });
}

/**
 * The new version has to show that it runs; otherwise the old one comes back.
 * @param isProven its staged bytes were measured a moment ago
 */
async function tryNew(means: SwitchMeans, journal: Journal, isProven: boolean): Promise<void> {
  const { o, node } = means, { home } = o, { from, to } = journal;
  const noted = (await readFailed(home)).find((f) => isSameTry(f, { ...to, sha256: to.sha256 ?? "" }));
  // By a supervisor that was killed before it had taken the switch back.
  if (noted !== undefined) return await takeBack(means, journal, noted.why);
  const why = await startAndAsk(means, to, isProven);
  if (o.signal.aborted) return; // stopped by the operator: the next run asks again
  if (why !== undefined) return await takeBack(means, journal, why);
  await clearRequest(home);
  await endSwitch(home);
  node.forgetFailures();
  if (node.process !== undefined) o.onEvent({ type: "healthy", version: to.version, pid: node.process.pid });
  o.onEvent({ type: "switched", fromVersion: from?.version ?? null, toVersion: to.version });
}

/** @returns what is wrong with the new version */
async function startAndAsk({ o, node }: SwitchMeans, to: Current, isProven: boolean): Promise<string | undefined> {
  const { version, sha256 = "" } = to;
  const { command, env } = await o.ready(version);
  let running = node.processOf(version, sha256);
  if (running === undefined) {
    await node.stop();
    if (!isProven) await o.prove(version, sha256, o);
    running = await node.start({ version, sha256, command, env });
  }
  return await checkHealth(running, { check: o.health, timeoutMs: o.healthTimeoutMs, signal: o.signal });
}

async function takeBack({ o, node }: SwitchMeans, journal: Journal, why: string): Promise<void> {
  const { from, to } = journal;
  await node.stop();
  if (from !== undefined && !(await o.mayGoBack(from.version))) {
    throw new UpdateError("E_SWITCH_FAILED", `${to.version} does not start (${why}), and ${from.version} would fork`, {
      hint:
        "the chain is past a hard fork: mend what keeps it from starting, or wait for another version; then run again",
    });
  }
  await clearRequest(o.home);
  const back = await undoSwitch(o.home, journal, why);
  node.startNow();
  o.onEvent({ type: "rolled-back", fromVersion: to.version, toVersion: back?.version ?? null, why });
}
