// A devnet from its first process to the end of the last one. Design: docs/devnet.md.
// Must not: import anything of the product: it is driven by its command line, and this stands compressed in its file.
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createChildren } from "./children.ts";
import { demoSteps, startSteps } from "./demo.ts";
import { startGuard } from "./guard.ts";
import type { Network } from "./network.ts";
import { startPatience } from "./patience.ts";
import { waysToPlay } from "./play.ts";
import { runSteps, type StepResult } from "./scenario.ts";
import { createScreen, type Stream } from "./screen.ts";
import { type NetworkOptions, startNetwork } from "./start-network.ts";
import { tableLines } from "./table.ts";

export type ScenarioName = "start" | "demo";

export interface DevnetOptions extends Omit<NetworkOptions, "folder" | "children"> {
  /** How the product is started: runtime, its arguments, file. */
  readonly command: readonly string[];
  /** Undefined for a network that stays until the signal. */
  readonly scenario: ScenarioName | undefined;
  /** Stays after its scenario, too. */
  readonly keep: boolean;
  readonly stream: Stream;
  /** Lines for people; false where events are told instead. */
  readonly talks: boolean;
  /** Makes one line of what comes from outside. */
  readonly printable: (line: string) => string;
  /** A line that begins with one of the product's symbols. */
  readonly line: (symbol: "ok" | "failed" | "search", text: string) => string;
  readonly onEvent: (e: DevnetEvent) => void;
  /** Calls back when it was asked to end again: whatever still runs is to be killed. @returns an end to it */
  readonly onImpatience: (kill: () => void) => () => void;
}

export type DevnetEvent =
  | StepResult & { readonly event: "step" }
  /** `urls` by the names of who listens there. */
  | { readonly event: "started"; readonly folder: string; readonly urls: Readonly<Record<string, string>> };

export interface DevnetResult {
  readonly ok: boolean;
  /** Why it ended before its end; null when it did not. */
  readonly problem: string | null;
  readonly steps: readonly StepResult[];
  readonly seconds: number;
}

/** More than twice what the demo takes on two processors. */
const LIMIT_MS = 180_000;
const DRAW_MS = 150;
/** Above all that scenarios release. */
const TOY_VERSION = "9.0.0";

/** Comes back when nothing of it is left, whatever happened. */
export async function runDevnet(o: DevnetOptions): Promise<DevnetResult> {
  const beganMs = performance.now();
  const trouble = new AbortController();
  const signal = AbortSignal.any([o.signal, trouble.signal]);
  const screen = createScreen(o.stream, o.printable);
  const say = (...lines: string[]) => void (o.talks && screen.say(...lines));
  const folder = await mkdtemp(join(tmpdir(), "dchat-devnet-"));
  const guard = startGuard(folder);
  const children = createChildren({
    command: o.command,
    signal,
    onStart: guard.watch,
    onDeath: (what) => trouble.abort(new Error(what)),
  });
  const noMoreKills = o.onImpatience(() => void children.stopAll(true));
  const endLimit = startPatience(LIMIT_MS, () => trouble.abort(new Error(`not done after ${LIMIT_MS / 1000} seconds`)));
  const results: StepResult[] = [];
  let problem: string | null = null, network: Network | undefined, now = "";
  const draw = () => {
    if (o.talks && network !== undefined) screen.draw(["", now, ...tableLines(network.table(), o.stream.columns)]);
  };
  const drawing = setInterval(draw, DRAW_MS);
  try {
    say(o.line("search", "starting a chain, a maintainer, three governors, two mirrors (one lies) and the nodes"));
    network = await startNetwork({ ...o, folder, children, signal });
    o.onEvent({ event: "started", folder, urls: urlsOf(network) });
    // The words of commands are for whoever looks on; a log has a line for each step.
    const show = (...lines: string[]) => void (o.stream.isTTY && say(...lines));
    const steps = o.scenario === "demo" ? demoSteps(network, show) : startSteps(network);
    await runSteps(steps, {
      signal,
      onStep: (step) => now = `... ${step.claim}`,
      onResult(result) {
        results.push(result);
        o.onEvent({ event: "step", ...result });
        draw();
        say(o.line(result.ok ? "ok" : "failed", stepWords(result)));
      },
    });
    if (isKept(o, results)) {
      endLimit();
      const toys = { version: TOY_VERSION, file: await network.makeFile(TOY_VERSION, "well") };
      say(...waysToPlay(network, { ...toys, command: o.command }));
      now = "Ctrl-C ends it";
      if (!signal.aborted) await once(signal, "abort");
      if (trouble.signal.aborted) throw trouble.signal.reason;
    }
  } catch (e) {
    problem = reasonOf(trouble.signal.aborted ? trouble.signal.reason : e);
  } finally {
    endLimit();
    clearInterval(drawing);
    screen.keep();
    await children.stopAll();
    await rm(folder, { recursive: true, force: true });
    guard.dismiss();
    noMoreKills();
  }
  const ok = problem === null && results.every((result) => result.ok);
  return { ok, problem, steps: results, seconds: Math.round((performance.now() - beganMs) / 100) / 10 };
}

function isKept({ scenario, keep, signal }: DevnetOptions, results: readonly StepResult[]): boolean {
  return !signal.aborted && (scenario === undefined ? results.every((r) => r.ok) : keep);
}

function urlsOf({ chain, honest, liar, nodes }: Network): Record<string, string> {
  return {
    chain,
    "mirror-a": honest,
    "mirror-b": liar,
    ...Object.fromEntries(nodes.map(({ name, url }) => [name, url])),
  };
}

const stepWords = ({ act, claim, seen, seconds }: StepResult) => `${act}: ${claim} (${seen}; ${seconds} s)`;

const reasonOf = (e: unknown) => e instanceof Error ? e.message : String(e);
