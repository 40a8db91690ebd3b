// The supervisor: one node process, the right version of it, for as long as the operator wants.
// Design: "Running the node" of docs/activation.md. What shall run is decided elsewhere and asked for again and again;
// here it is made so, one change at a time. Must not: decide, know a chain, or ever let two nodes run.
import { asUpdateError, isIntegrityError, type UpdateError } from "../../errors.ts";
import { type Current, isSameTry, isSameVersion, readCurrent, readFailed } from "../current.ts";
import { KeptNode } from "./kept-node.ts";
import { exitCodeOf, type NodeStart } from "./node-process.ts";
import { finishSwitch, type SwitchMeans, switchNode } from "./supervised-switch.ts";
import type { Ready, SupervisorEvent, SupervisorOptions, Wanted } from "./supervision.ts";
import { clearRequest, readRequest } from "./switch-request.ts";

/** A switch that cannot be made now is tried again after so long: a try may stop the node. */
const REFUSED_MS = 60_000;
/** A node that cannot be started must not be tried without any pause. */
const MIN_PAUSE_MS = 10;

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
  readonly #node: KeptNode;
  readonly #means: SwitchMeans;
  /** When the last step began. */
  #stepAtMs = 0;
  /** What could not be switched to, by its digest, and until when it counts as not installed, by `performance.now()`. */
  readonly #refused = new Map<string, number>();
  #told = "";
  /** There may be a switch to finish: at the beginning, and after whatever went wrong. */
  #isUnfinished = true;
  /** Something came that this step may not have seen. */
  #isNews = false;
  /** Ends the pause. */
  #wake = () => {};

  constructor(o: SupervisorOptions) {
    this.#o = o;
    this.#node = new KeptNode(o, () => this.#wake());
    this.#means = { o, node: this.#node, onRefused: (wanted, why) => this.#refuse(wanted, why) };
  }

  /** Hands a signal of the supervisor's on to the node. */
  pass(name: NodeJS.Signals): void {
    this.#node.pass(name, this.#o.signal.aborted);
  }

  /** Ends the pause; where a step is on its way, the next one follows at once. */
  look(): void {
    this.#isNews = true;
    this.#wake();
  }

  async run(): Promise<number> {
    const { signal, restart } = this.#o, node = this.#node;
    await node.adopt();
    while (!signal.aborted) {
      await this.#tryStep();
      if (!restart && node.process === undefined && node.lastExit !== undefined) break;
      await this.#pause();
    }
    await node.stop();
    return node.lastExit === undefined ? 0 : exitCodeOf(node.lastExit);
  }

  /** A full disk or a lock that is held must not take down a node that runs. */
  async #tryStep(): Promise<void> {
    this.#stepAtMs = performance.now();
    this.#isNews = false;
    try {
      if (this.#isUnfinished) await finishSwitch(this.#means);
      this.#isUnfinished = false;
      await this.#step();
    } catch (e) {
      this.#isUnfinished = true;
      if (this.#o.signal.aborted) return;
      const error = asUpdateError(e);
      if (error.code === "E_SWITCH_FAILED") throw error;
      if (this.#node.process === undefined) this.#node.delayStart();
      this.#tell({ type: "problem", why: `${error.code}: ${error.message}` });
    }
  }

  /** One look at what shall be and what is, and one change at most. */
  async #step(): Promise<void> {
    await this.#node.noteEnd();
    const current = await readCurrent(this.#o.home);
    const wanted = await this.#wanted(current);
    if (wanted === "halt") return await this.#node.stop();
    if (wanted !== undefined && !isSameVersion(current, wanted)) return await switchNode(this.#means, current, wanted);
    if (current === undefined) return this.#tell({ type: "waiting", why: "no version is activated yet" });
    await this.#keepRunning(current);
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
      if (!isSameVersion(current, asked)) return asked;
      await clearRequest(home);
    }
    const decided = await verdict({ haltedFor: this.#node.haltedFor, refused: this.#refusedNow() });
    if (decided === "as-is") return undefined;
    if (decided === "halt") return "halt";
    const height = decided.activationHeight ?? undefined;
    const failed = await readFailed(home);
    const isFailed = failed.some((f) => isSameTry(f, { sha256: decided.sha256, activationHeight: height }));
    return isFailed ? undefined : decided; // whoever decides knows this too; it is what must never happen
  }

  /** The version that is to run runs, with the command and the environment it is to have now. */
  async #keepRunning({ version, sha256 = "" }: Current): Promise<void> {
    const running = this.#node.processOf(version, sha256);
    const { command, env } = await this.#o.ready(version, running);
    if (running !== undefined && isSameCommand(running, { command, env })) return;
    await this.#node.stop();
    if (performance.now() < this.#node.startAtMs) return;
    try {
      await this.#o.prove(version, sha256, this.#o);
    } catch (e) {
      if (this.#o.signal.aborted) return;
      this.#node.delayStart();
      return this.#tell({ type: "problem", why: `${version} is not started: ${asUpdateError(e).message}` });
    }
    await this.#node.start({ version, sha256, command, env });
  }

  /** Until it is tried again, it is decided as if nobody had installed it. */
  #refuse(wanted: Wanted, e: UpdateError): void {
    this.#refused.set(wanted.sha256, performance.now() + REFUSED_MS);
    this.#node.startNow();
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

  /** Until the next look: the poll, the end of the node, the end of the waiting for a restart, or the signal. */
  #pause(): Promise<void> {
    const { pollMs, signal } = this.#o, running = this.#node.process, { startAtMs } = this.#node;
    // A time that was set in this very step; an older one has been used.
    const isSet = running === undefined && startAtMs >= this.#stepAtMs;
    const ms = isSet ? Math.min(pollMs, Math.max(startAtMs - performance.now(), MIN_PAUSE_MS)) : pollMs;
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
      if (signal.aborted || this.#isNews || running?.exit() !== undefined) done();
    });
  }
}

function isSameCommand(node: NodeStart, ready: Ready): boolean {
  return JSON.stringify([node.command, node.env]) === JSON.stringify([ready.command, ready.env]);
}
