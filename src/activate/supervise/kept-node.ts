// The one node that a supervisor keeps: found or started, watched, stopped, and not started again too soon after it
// failed. Design: "When the node ends by itself" and "Never two" of docs/activation.md.
// Must not: know what shall run, or switch anything.
import { type Exit, findNode, forgetNode, type NodeProcess, type NodeStart, startNode } from "./node-process.ts";
import type { SupervisorOptions } from "./supervision.ts";

/** From one restart of a failing node to the next. */
const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 60_000;
/** A node that ran for so long has not failed at its start. */
const STEADY_MS = 60_000;

export type KeptNodeOptions = Pick<SupervisorOptions, "home" | "stdout" | "stopTimeoutMs" | "onEvent">;

export class KeptNode {
  readonly #o: KeptNodeOptions;
  readonly #onEnd: () => void;
  #process: NodeProcess | undefined;
  #lastExit: Exit | undefined;
  #haltedFor: number | undefined;
  #backoffMs = 0;
  #startAtMs = 0;
  /** What was sent the signal that ends everything. */
  #lastPassedTo: NodeProcess | undefined;

  /** @param onEnd called when the process has ended, however it did; `noteEnd` is what takes notice of it */
  constructor(o: KeptNodeOptions, onEnd: () => void) {
    this.#o = o;
    this.#onEnd = onEnd;
  }

  /** Undefined when nothing runs; what has ended stays until somebody has taken notice of it. */
  get process(): NodeProcess | undefined {
    return this.#process;
  }

  /** How the last one ended; undefined while one runs, and before the first. */
  get lastExit(): Exit | undefined {
    return this.#lastExit;
  }

  /** The height it was told to halt before, when it ended by itself with 0. */
  get haltedFor(): number | undefined {
    return this.#haltedFor;
  }

  /** It is not started again before this, by `performance.now()`. */
  get startAtMs(): number {
    return this.#startAtMs;
  }

  /** What runs, if it is exactly this version. */
  processOf(version: string, sha256: string): NodeProcess | undefined {
    return this.#process?.version === version && this.#process.sha256 === sha256 ? this.#process : undefined;
  }

  /** Takes over what a killed supervisor left running. */
  async adopt(): Promise<void> {
    const found = await findNode(this.#o.home);
    if (found === undefined) return;
    this.#watch(found);
    this.#o.onEvent({ type: "adopted", version: found.version, pid: found.pid });
  }

  /** To be called when nothing runs. @throws UpdateError E_IO, E_DISK_FULL; nothing runs then */
  async start(start: NodeStart): Promise<NodeProcess> {
    this.#haltedFor = undefined;
    this.#lastExit = undefined;
    const started = await startNode(this.#o.home, start, this.#o.stdout);
    this.#watch(started);
    this.#o.onEvent({ type: "started", version: start.version, pid: started.pid });
    return started;
  }

  /** Stops what runs, if anything does; afterwards nothing does. */
  async stop(): Promise<void> {
    const node = this.#process;
    if (node === undefined) return;
    this.#ended(node, await node.stop(this.#o.stopTimeoutMs, node === this.#lastPassedTo ? undefined : "SIGTERM"));
    await forgetNode(this.#o.home);
  }

  /** A node that has ended by itself may be started again, later and later. */
  async noteEnd(): Promise<void> {
    const node = this.#process, exit = node?.exit();
    if (node === undefined || exit === undefined) return;
    this.#ended(node, exit);
    const haltHeight = Number(node.env["DCHAT_HALT_HEIGHT"]);
    this.#haltedFor = exit.code === 0 && Number.isSafeInteger(haltHeight) ? haltHeight : undefined;
    if (Date.now() - node.startedAtMs > STEADY_MS) this.#backoffMs = 0;
    this.delayStart();
    await forgetNode(this.#o.home);
  }

  /** Hands a signal of the supervisor's on. @param isLast it is the one that ends everything, and is not sent again */
  pass(name: NodeJS.Signals, isLast: boolean): void {
    if (isLast) this.#lastPassedTo = this.#process;
    this.#process?.signal(name);
  }

  /** It did not start, or ended: twice as long as the last time until it is tried again. */
  delayStart(): void {
    this.#backoffMs = Math.min(Math.max(this.#backoffMs * 2, FIRST_BACKOFF_MS), MAX_BACKOFF_MS);
    this.#startAtMs = performance.now() + this.#backoffMs;
  }

  /** Another one is to run: nothing has to be waited for. */
  startNow(): void {
    this.#startAtMs = performance.now();
  }

  /** It has shown that it runs: its next failure is the first one. */
  forgetFailures(): void {
    this.#backoffMs = 0;
  }

  #watch(node: NodeProcess): void {
    this.#process = node;
    void node.ended.then(() => this.#onEnd());
  }

  #ended(node: NodeProcess, exit: Exit): void {
    this.#process = undefined;
    this.#lastExit = exit;
    const { code, signal } = exit;
    this.#o.onEvent({ type: "ended", version: node.version, code: code ?? null, signal: signal ?? null });
  }
}
