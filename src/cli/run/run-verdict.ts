// What shall run, for the supervisor: the chain is asked in the background, and each question is decided anew from what
// is on the disk now. Design: "Running the node" of docs/activation.md. Must not: wait for the chain; a node that has
// ended must be started again also while its RPC does not answer.
import type { ReasonCode } from "../../activate/decide/decide.ts";
import type { Seen, Verdict } from "../../activate/supervise/supervision.ts";
import type { ChainState } from "../../chain/chain-state.ts";
import { type ChainWatch, watchChain } from "../../chain/watch-chain.ts";
import { readConfig } from "../../config/config.ts";
import { asUpdateError } from "../../errors.ts";
import type { TrustState } from "../../trust/client.ts";
import { type ActivationSession, keptHeight } from "../activation.ts";
import { planWords, viewPlan } from "../chain-plan.ts";
import type { Context } from "../context.ts";
import { decideFor, reasonLine } from "../decision.ts";

/** Nothing more happens by itself. */
const WANTS_A_PERSON: ReadonlySet<ReasonCode> = new Set([
  "obstacle",
  "polled-hard-fork",
  "mismatch",
  "pinned",
  "waits-for-operator",
  "not-for-platform",
  "would-fork",
]);
/** So often what waits for a person is said again. */
const REMIND_MS = 3_600_000;

export interface RunVerdict extends AsyncDisposable {
  readonly ask: (seen: Seen) => Promise<Verdict>;
  /** Calls back when another height is final. @returns an end to it */
  readonly onHeight: (tell: () => void) => () => void;
  /** The newest block; null where the chain does not answer. */
  readonly latest: () => number | null;
}

export interface RunVerdictOptions {
  readonly session: ActivationSession;
  readonly trust: () => Promise<TrustState>;
  /** Undefined where no chain is configured. */
  readonly watch: ChainWatch | undefined;
  readonly pollMs: number;
}

export function createRunVerdict(c: Context, { session, trust, watch, pollMs }: RunVerdictOptions): RunVerdict {
  const stop = new AbortController();
  let chain: { readonly state: ChainState; readonly atMs: number } | undefined;
  let haltedSinceMs: number | undefined;
  let told = "", toldPlan = "";
  let toldAtMs = -Infinity;
  let onHeight = () => {};

  const tell = (line: string, isBad: boolean) => {
    if (told === line && !(isBad && performance.now() - toldAtMs > REMIND_MS)) return;
    told = line;
    toldAtMs = performance.now();
    if (isBad) c.out.warn(line);
    else c.out.note(line);
  };

  const listen = async () => {
    const signal = AbortSignal.any([c.signal, stop.signal]);
    while (watch !== undefined && !signal.aborted) {
      try {
        for await (const state of watchChain(watch, { signal, intervalMs: pollMs })) {
          const before = chain?.state.height;
          chain = { state, atMs: performance.now() };
          if (state.height !== before) onHeight();
        }
      } catch (e) {
        if (signal.aborted) return;
        tell(`the height of the chain cannot be kept: ${asUpdateError(e).message}`, true);
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
    }
  };
  const listening = listen();

  const tellPlan = (state: TrustState) => {
    const plan = viewPlan(chain?.state.plan, state), words = plan?.sequence === null ? planWords(plan) : "";
    if (words !== toldPlan && words !== "") c.out.warn(words);
    toldPlan = words;
  };

  /** Where the chain was asked since the program ended, and did not answer, the program's own end counts. */
  const haltedFor = (seen: Seen): number | null => {
    haltedSinceMs = seen.haltedFor === undefined ? undefined : haltedSinceMs ?? performance.now();
    if (haltedSinceMs === undefined || chain === undefined || chain.atMs < haltedSinceMs) return null;
    return chain.state.latest === null ? seen.haltedFor ?? null : null;
  };

  return {
    onHeight(tell) {
      onHeight = tell;
      return () => void (onHeight = () => {});
    },
    latest: () => chain?.state.latest ?? null,
    async ask(seen) {
      const state = await trust(), { home } = session;
      tellPlan(state);
      const decision = await decideFor({ ...session, config: await readConfig(home) ?? session.config }, state, {
        height: chain?.state.height ?? await keptHeight(home, state) ?? null,
        latest: chain?.state.latest ?? null,
        haltedFor: haltedFor(seen),
        refused: seen.refused,
      });
      const { run, why } = decision;
      // How many blocks are left changes with each block: that is what `status` is for.
      const lines = why.map((r) => reasonLine({ ...r, blocksLeft: null }, null));
      if (lines.length > 0) tell(lines.join("; "), run === "halt" || why.some(({ code }) => WANTS_A_PERSON.has(code)));
      if (typeof run === "string") return run;
      return { version: run.version, sha256: run.sha256, activationHeight: run.activationHeight };
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await listening;
    },
  };
}
