// The supervisor: one node process, the right version of it, for as long as the operator wants.
// Design: "Running the node" of docs/activation.md. What shall run is decided elsewhere and asked for again and again;
// here it is made so. Must not: decide, know a chain, or ever let two nodes run.
import { requireFreeSpace } from "../disk/free-space.ts";
import { asUpdateError, isIntegrityError, UpdateError } from "../errors.ts";
import { type Current, isSameTry, readCurrent, readFailed } from "./current.ts";
import { checkHealth, runOperatorCommand } from "./health.ts";
import {
  type Exit,
  exitCodeOf,
  findNode,
  forgetNode,
  type NodeProcess,
  type NodeStart,
  startNode,
} from "./node-process.ts";
import type { Ready, SupervisorEvent, SupervisorOptions, Wanted } from "./supervision.ts";
import { clearRequest, readRequest } from "./switch-request.ts";
import {
  beginSwitch,
  endOf,
  endSwitch,
  type Journal,
  makeSwitch,
  readJournal,
  undoSwitch,
  withActivation,
} from "./switch.ts";

/** From one restart of a failing node to the next. */
const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 60_000;
/** For the small files of a switch; a disk that has less is full. */
const SPARE_BYTES = 1 << 20;
/** A node that ran for so long has not failed at its start. */
const STEADY_MS = 60_000;

/**
 * Runs until the signal ends it, or the node does where it is not restarted. To be called under the home's run lock.
 * @returns the exit code of the node
 * @throws UpdateError E_SWITCH_FAILED when a new version fails and there is no way back; what the disk says
 */
export async function supervise(o: SupervisorOptions): Promise<number> {
  const supervisor = new Supervisor(o);
  const endPassing = o.onSignal((name) => supervisor.pass(name));
  const endNews = o.onNews?.(() => supervisor.look());
  try {
    return await supervisor.run();
  } finally {
    endNews?.();
    endPassing();
  }
}

class Supervisor {
  readonly #o: SupervisorOptions;
  node: NodeProcess | undefined;
  #lastExit: Exit | undefined;
  #haltedFor: number | undefined;
  #backoffMs = 0;
  /** Not before this, by `performance.now()`. */
  #restartAtMs = 0;
  /** When the last step began. */
  #stepAtMs = 0;
  /** What could not be switched to, by its digest, and until when it counts as not installed, by `performance.now()`. */
  readonly #refused = new Map<string, number>();
  #told = "";
  /** The node that was sent the signal which ends everything. */
  #passedTo: NodeProcess | undefined;
  /** There may be a switch to finish: at the beginning, and after whatever went wrong. */
  #isUnfinished = true;
  /** Something came that this step may not have seen. */
  #isNews = false;
  /** Ends the pause. */
  #wake = () => {};

  constructor(o: SupervisorOptions) {
    this.#o = o;
  }

  /** Hands a signal of the supervisor's on to the node. */
  pass(name: NodeJS.Signals): void {
    if (this.#o.signal.aborted) this.#passedTo = this.node;
    this.node?.signal(name);
  }

  /** Ends the pause; where a step is on its way, the next one follows at once. */
  look(): void {
    this.#isNews = true;
    this.#wake();
  }

  async run(): Promise<number> {
    const { signal, restart } = this.#o;
    this.node = await findNode(this.#o.home);
    if (this.node !== undefined) {
      this.#watch(this.node);
      this.#o.onEvent({ type: "adopted", version: this.node.version, pid: this.node.pid });
    }
    while (!signal.aborted) {
      await this.#tryStep();
      if (!restart && this.node === undefined && this.#lastExit !== undefined) break;
      await this.#pause();
    }
    await this.#stopNode();
    return this.#lastExit === undefined ? 0 : exitCodeOf(this.#lastExit);
  }

  /** A full disk or a lock that is held must not take down a node that runs. */
  async #tryStep(): Promise<void> {
    this.#stepAtMs = performance.now();
    this.#isNews = false;
    try {
      if (this.#isUnfinished) await this.#resume();
      this.#isUnfinished = false;
      await this.#step();
    } catch (e) {
      this.#isUnfinished = true;
      if (this.#o.signal.aborted) return;
      const error = asUpdateError(e);
      if (error.code === "E_SWITCH_FAILED") throw error;
      if (this.node === undefined) this.#delayRestart();
      this.#tell({ type: "problem", why: `${error.code}: ${error.message}` });
    }
  }

  /** Finishes a switch that was cut short. */
  async #resume(): Promise<void> {
    await this.#locked(async () => {
      const journal = await readJournal(this.#o.home);
      if (journal === undefined) return;
      if (endOf(journal, await readCurrent(this.#o.home)) === "old" || !journal.supervised) {
        return await endSwitch(this.#o.home);
      }
      await this.#prove(journal, false);
    });
  }

  /** One look at what shall be and what is, and one change at most. */
  async #step(): Promise<void> {
    await this.#noteEnd();
    const { home } = this.#o;
    const current = await readCurrent(home);
    const wanted = await this.#wanted(current);
    if (wanted === "halt") return await this.#stopNode();
    if (wanted !== undefined && !isThis(current, wanted)) return await this.#change(current, wanted);
    if (current === undefined) return this.#tell({ type: "waiting", why: "no version is activated yet" });
    const { version, sha256 = "" } = current;
    const isThere = this.node?.version === version && this.node.sha256 === sha256;
    const { command, env } = await this.#o.ready(version, isThere ? this.node : undefined);
    if (isThere && this.node !== undefined && isSameCommand(this.node, { command, env })) return;
    if (this.node !== undefined) await this.#stopNode();
    if (performance.now() < this.#restartAtMs) return;
    try {
      await this.#o.prove(version, sha256, this.#o);
    } catch (e) {
      if (this.#o.signal.aborted) return;
      this.#delayRestart();
      return this.#tell({ type: "problem", why: `${version} is not started: ${asUpdateError(e).message}` });
    }
    await this.#start({ version, sha256, command, env });
  }

  /** What the operator asks for, or what was decided; undefined for "as-is". */
  async #wanted(current: Current | undefined): Promise<Wanted | "halt" | undefined> {
    const { home, verdict } = this.#o;
    const asked = await readRequest(home).catch(async (e) => {
      // One that does not read asks for nothing, and must not keep a node from being started.
      await clearRequest(home);
      this.#tell({ type: "problem", why: asUpdateError(e).message });
      return undefined;
    });
    if (asked !== undefined) {
      if (!isThis(current, asked)) return asked;
      await clearRequest(home);
    }
    const decided = await verdict({ haltedFor: this.#haltedFor, refused: this.#refusedNow() });
    if (decided === "as-is") return undefined;
    if (decided === "halt") return "halt";
    const height = decided.activationHeight ?? undefined;
    const failed = await readFailed(home);
    const isFailed = failed.some((f) => isSameTry(f, { sha256: decided.sha256, activationHeight: height }));
    return isFailed ? undefined : decided; // whoever decides knows this too; it is what must never happen
  }

  async #change(current: Current | undefined, wanted: Wanted): Promise<void> {
    await this.#locked(async () => {
      try {
        await this.#o.prove(wanted.version, wanted.sha256, this.#o); // while the old one still runs
      } catch (e) {
        this.#refuse(wanted, asUpdateError(e));
        return await clearRequest(this.#o.home);
      }
      const { version, sha256, activationHeight } = wanted;
      const journal: Journal = {
        from: current,
        supervised: true,
        to: {
          version,
          sha256,
          activationHeight: activationHeight ?? undefined,
          previous: current === undefined ? undefined : { version: current.version, sha256: current.sha256 },
          since: new Date().toISOString(),
        },
      };
      this.#o.onEvent({ type: "switching", fromVersion: current?.version ?? null, toVersion: version });
      await requireFreeSpace(this.#o.home.dir, SPARE_BYTES); // while there is a node to lose
      await beginSwitch(this.#o.home, journal);
      await this.#stopNode();
      if (this.#o.signal.aborted) return; // the journal stays: the next run finds that nothing was switched
      const why = await this.#backUp(journal);
      if (why !== undefined) {
        await endSwitch(this.#o.home);
        await clearRequest(this.#o.home);
        this.#refuse(wanted, new UpdateError("E_SWITCH_FAILED", `the backup failed: ${why}`));
        return;
      }
      await makeSwitch(this.#o.home, journal);
      await this.#prove(journal, true);
    });
  }

  /** The new version has to show that it runs; otherwise the old one comes back. */
  async #prove(journal: Journal, isMeasured: boolean): Promise<void> {
    const { home, health, healthTimeoutMs, signal, onEvent } = this.#o;
    const { version, sha256 = "" } = journal.to;
    const failed = await readFailed(home);
    // Noted before it was undone, by a supervisor that was killed then.
    const noted = failed.find((f) => isSameTry(f, { sha256, activationHeight: journal.to.activationHeight }));
    let why = noted?.why;
    if (why === undefined) {
      const { command, env } = await this.#o.ready(version);
      const isThere = this.node?.version === version && this.node.sha256 === sha256;
      if (!isThere) {
        await this.#stopNode();
        if (!isMeasured) await this.#o.prove(version, sha256, this.#o);
        await this.#start({ version, sha256, command, env });
      }
      why = this.node === undefined
        ? "it could not be started"
        : await checkHealth(this.node, { check: health, timeoutMs: healthTimeoutMs, signal });
      if (signal.aborted) return; // stopped by the operator: the next run asks again
    }
    if (why === undefined) {
      await clearRequest(home);
      await endSwitch(home);
      this.#backoffMs = 0;
      if (this.node !== undefined) onEvent({ type: "healthy", version, pid: this.node.pid });
      return onEvent({ type: "switched", fromVersion: journal.from?.version ?? null, toVersion: version });
    }
    await this.#stopNode();
    if (journal.from !== undefined && !(await this.#o.mayGoBack(journal.from.version))) {
      throw new UpdateError(
        "E_SWITCH_FAILED",
        `${version} does not start (${why}), and ${journal.from.version} would fork`,
        {
          hint:
            "the chain is past a hard fork: mend what keeps it from starting, or wait for another version; then run again",
        },
      );
    }
    await clearRequest(home);
    const back = await undoSwitch(home, journal, why);
    this.#restartAtMs = performance.now();
    onEvent({ type: "rolled-back", fromVersion: version, toVersion: back?.version ?? null, why });
  }

  async #backUp({ from, to }: Journal): Promise<string | undefined> {
    const { backup, backupTimeoutMs, signal } = this.#o;
    if (backup === undefined || from === undefined) return undefined;
    const env = { ...process.env, DCHAT_FROM_VERSION: from.version, DCHAT_TO_VERSION: to.version };
    return await runOperatorCommand({ command: backup, env, signal, timeLimitMs: backupTimeoutMs, endsWithUs: true });
  }

  async #start(start: NodeStart): Promise<void> {
    this.#haltedFor = undefined;
    this.#lastExit = undefined;
    this.node = await startNode(this.#o.home, start, this.#o.stdout);
    this.#watch(this.node);
    this.#o.onEvent({ type: "started", version: start.version, pid: this.node.pid });
  }

  /** Stops what runs, if anything does; afterwards nothing does. */
  async #stopNode(): Promise<void> {
    const { node } = this;
    if (node === undefined) return;
    this.#ended(node, await node.stop(this.#o.stopTimeoutMs, node === this.#passedTo ? undefined : "SIGTERM"));
    this.node = undefined;
    await forgetNode(this.#o.home);
  }

  /** A node that has ended by itself is started again, later and later. */
  async #noteEnd(): Promise<void> {
    const { node } = this, exit = node?.exit();
    if (node === undefined || exit === undefined) return;
    this.node = undefined;
    this.#ended(node, exit);
    const haltHeight = Number(node.env["DCHAT_HALT_HEIGHT"]);
    this.#haltedFor = exit.code === 0 && Number.isSafeInteger(haltHeight) ? haltHeight : undefined;
    if (Date.now() - node.startedAtMs > STEADY_MS) this.#backoffMs = 0;
    this.#delayRestart();
    await forgetNode(this.#o.home);
  }

  #ended(node: NodeProcess, exit: Exit): void {
    this.#lastExit = exit;
    const { code, signal } = exit;
    this.#o.onEvent({ type: "ended", version: node.version, code: code ?? null, signal: signal ?? null });
  }

  #delayRestart(): void {
    this.#backoffMs = Math.min(Math.max(this.#backoffMs * 2, FIRST_BACKOFF_MS), MAX_BACKOFF_MS);
    this.#restartAtMs = performance.now() + this.#backoffMs;
  }

  /** A switch that cannot be made now is tried again in a minute; meanwhile it is decided as if nobody had installed it. */
  #refuse(wanted: Wanted, e: UpdateError): void {
    this.#refused.set(wanted.sha256, performance.now() + MAX_BACKOFF_MS);
    this.#restartAtMs = performance.now();
    const kind = isIntegrityError(e) ? "changed since it was installed" : "cannot be switched to";
    this.#tell({ type: "problem", why: `${wanted.version} ${kind}: ${e.message}` });
  }

  #refusedNow(): string[] {
    for (const [sha256, untilMs] of this.#refused) if (untilMs <= performance.now()) this.#refused.delete(sha256);
    return [...this.#refused.keys()];
  }

  /** Once, until something else is to be told. */
  #tell(e: SupervisorEvent & { readonly why: string }): void {
    if (this.#told === e.why) return;
    this.#told = e.why;
    this.#o.onEvent(e);
  }

  async #locked(work: () => Promise<void>): Promise<void> {
    await withActivation(this.#o.home, this.#o, work);
  }

  #watch(node: NodeProcess): void {
    void node.ended.then(() => this.#wake());
  }

  /** Until the next look: the poll, the end of the node, the end of the waiting for a restart, or the signal. */
  #pause(): Promise<void> {
    const { pollMs, signal } = this.#o;
    // A time that was set in this very step; an older one has been used.
    const isSet = this.node === undefined && this.#restartAtMs >= this.#stepAtMs;
    const ms = isSet ? Math.min(pollMs, Math.max(this.#restartAtMs - performance.now(), MIN_PAUSE_MS)) : pollMs;
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#wake = () => {};
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done);
      this.#wake = done;
      if (signal.aborted || this.#isNews || this.node?.exit() !== undefined) done();
    });
  }
}

/** A node that cannot be started must not be tried without any pause. */
const MIN_PAUSE_MS = 10;

function isThis(current: Current | undefined, wanted: Wanted): boolean {
  return current?.version === wanted.version && current.sha256 === wanted.sha256;
}

function isSameCommand(node: NodeStart, ready: Ready): boolean {
  return JSON.stringify([node.command, node.env]) === JSON.stringify([ready.command, ready.env]);
}
