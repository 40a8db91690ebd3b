// What an answer of the chain, or none, is worth beside what was seen before: the height that counts, and in words what
// is wrong. Design: docs/chain.md, "What can be wrong with a chain". Pure.
// Must not: ever give a smaller height than before; only the operator's word does (height-store.ts).
import { UpdateError } from "../errors.ts";
import type { ChainPlan, ChainReading } from "./chain-clock.ts";

/**
 * "falling": below what was final before. "stuck": not grown for too long. "wrong-chain": another one than the root names.
 * The gravest one counts, in the order wrong-chain, unreachable, falling, syncing, stuck.
 */
export type ChainStatus = "ok" | "syncing" | "stuck" | "falling" | "wrong-chain" | "unreachable";

/** What is kept of one chain from run to run. */
export interface HeightMemory {
  /** The largest finalized height there ever was. */
  readonly height: number;
  /** Of that block; undefined where the chain told none. */
  readonly hash: string | undefined;
  /** When the height last grew; milliseconds since the epoch, by this machine's clock. For people alone. */
  readonly grownAtMs: number;
  /** How long a block took lately, by growth as it was seen; undefined before anything has grown. For people alone. */
  readonly blockTimeMs: number | undefined;
  /** The height when this node last looked at all of the schedule; undefined before the first time. */
  readonly lookedHeight: number | undefined;
}

export interface ChainState {
  readonly status: ChainStatus;
  /** The largest finalized height ever seen, this answer included: the one that counts. Null before the first. */
  readonly height: number | null;
  /** The newest block by this answer, final or not; null without one that counts. */
  readonly latest: number | null;
  /** How long a block took lately; null while nobody knows. */
  readonly blockTimeMs: number | null;
  /** What the chain itself plans, where it has such a thing. */
  readonly plan: ChainPlan | null;
  /** One sentence. */
  readonly words: string;
  readonly error: UpdateError | undefined;
}

export interface JudgeOptions {
  /** What the root calls the chain. */
  readonly genesis: string;
  readonly nowMs: number;
  /** A chain that has not grown for longer is stuck. */
  readonly stuckAfterMs: number;
}

export interface Judged {
  readonly state: ChainState;
  /** What is to be kept; undefined while there was nothing yet. */
  readonly memory: HeightMemory | undefined;
}

/** @param answer what the adapter gave, or what it threw */
export function judgeAnswer(
  answer: ChainReading | UpdateError,
  memory: HeightMemory | undefined,
  o: JudgeOptions,
): Judged {
  if (answer instanceof Error) {
    const words = memory === undefined ? answer.message : `${answer.message}; block ${memory.height} was final before`;
    return {
      state: { ...NOTHING, height: memory?.height ?? null, status: "unreachable", words, error: answer },
      memory,
    };
  }
  if (answer.genesis !== undefined && !isSameName(answer.genesis, o.genesis)) {
    const words = `this is another chain: it calls itself ${shown(answer.genesis)}, the root names ${shown(o.genesis)}`;
    const error = new UpdateError("E_WRONG_CHAIN", words);
    return { state: { ...NOTHING, height: memory?.height ?? null, status: "wrong-chain", words, error }, memory };
  }
  const next = remember(answer, memory, o.nowMs);
  const { latest, plan = null } = answer;
  const { height, blockTimeMs = null } = next;
  const state = { height, latest, blockTimeMs, plan, error: undefined, ...describe(answer, next, o) };
  return { state, memory: next };
}

const NOTHING = { latest: null, blockTimeMs: null, plan: null };

function remember({ finalized, hash }: ChainReading, memory: HeightMemory | undefined, nowMs: number): HeightMemory {
  if (memory !== undefined && finalized <= memory.height) return memory;
  const blockTimeMs = blockTime(finalized, memory, nowMs);
  return { height: finalized, hash, grownAtMs: nowMs, blockTimeMs, lookedHeight: memory?.lookedHeight };
}

/** So many blocks and what was known before is forgotten. */
const BLOCKS_REMEMBERED = 100;

function blockTime(finalized: number, memory: HeightMemory | undefined, nowMs: number): number | undefined {
  if (memory === undefined || nowMs <= memory.grownAtMs) return memory?.blockTimeMs;
  const blocks = finalized - memory.height, seenMs = (nowMs - memory.grownAtMs) / blocks;
  const weight = Math.min(1, blocks / BLOCKS_REMEMBERED);
  return Math.round((memory.blockTimeMs ?? seenMs) * (1 - weight) + seenMs * weight);
}

function describe(
  r: ChainReading,
  { height, grownAtMs }: HeightMemory,
  o: JudgeOptions,
): Pick<ChainState, "status" | "words"> {
  const unnamed = r.genesis === undefined ? "; it does not say which chain it is" : "";
  if (r.finalized < height) {
    const words =
      `fell back to block ${r.finalized}, block ${height} was final before: its data were wiped or restored, ` +
      `or it has lied; ${height} still counts`;
    return { status: "falling", words: words + unnamed };
  }
  if (r.isSyncing) return { status: "syncing", words: `is catching up, at block ${r.finalized}${unnamed}` };
  const stillMs = o.nowMs - grownAtMs;
  if (stillMs > o.stuckAfterMs) {
    return {
      status: "stuck",
      words: `has made no final block for ${Math.floor(stillMs / 60_000)} min, at ${height}${unnamed}`,
    };
  }
  return { status: "ok", words: `block ${r.finalized} is final, ${r.latest} the newest${unnamed}` };
}

/** Hexadecimal digits mean the same in either case; other names do not. */
function isSameName(a: string, b: string): boolean {
  const isHex = (text: string) => /^0x[0-9a-f]+$/i.test(text);
  return a === b || (isHex(a) && isHex(b) && a.toLowerCase() === b.toLowerCase());
}

const shown = (name: string): string => JSON.stringify(name.slice(0, 80));
