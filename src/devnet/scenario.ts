// A scenario: steps, one after the other, each with what must hold at its end. Design: docs/devnet.md.
// Must not: know what a step does.

export interface Step {
  /** The act it belongs to. */
  readonly act: string;
  /** What must hold, in one line. */
  readonly claim: string;
  /** @returns what was seen, in one line @throws Error when it does not hold */
  run(): Promise<string>;
}

export interface StepResult {
  readonly act: string;
  readonly claim: string;
  readonly ok: boolean;
  /** What was seen, or what went wrong. */
  readonly seen: string;
  readonly seconds: number;
}

export interface StepWatch {
  readonly onStep: (step: Step) => void;
  readonly onResult: (result: StepResult) => void;
  /** Ends what waits. */
  readonly signal: AbortSignal;
}

/** Runs the steps; the first that does not hold is the last, for those behind it build on it. */
export async function runSteps(steps: readonly Step[], { onStep, onResult, signal }: StepWatch): Promise<void> {
  for (const step of steps) {
    onStep(step);
    const beganMs = performance.now();
    const { ok, seen } = await outcomeOf(step, signal);
    const seconds = Math.round((performance.now() - beganMs) / 100) / 10;
    onResult({ act: step.act, claim: step.claim, ok, seen, seconds });
    if (!ok) return;
  }
}

async function outcomeOf(step: Step, signal: AbortSignal): Promise<Pick<StepResult, "ok" | "seen">> {
  try {
    return { ok: true, seen: await step.run() };
  } catch (e) {
    return { ok: false, seen: reason(e, signal) };
  }
}

/** A wait that was ended from outside says nothing by itself; what ended it does. */
function reason(e: unknown, signal: AbortSignal): string {
  const cause: unknown = signal.aborted ? signal.reason : e;
  return cause instanceof Error ? cause.message : String(cause);
}

/** @throws Error with these words unless it is so */
export function mustHold(isSo: boolean, otherwise: string): asserts isSo {
  if (!isSo) throw new Error(otherwise);
}
