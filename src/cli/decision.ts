// The decision as this home comes to it: its files, its chain and its trust as facts. Design: "What is decided" of
// docs/chain.md. Must not: decide, or carry anything out.
import { hostname } from "node:os";
import { decide, type Decision, type Reason } from "../activate/decide/decide.ts";
import { factsOf } from "../activate/decide/facts.ts";
import { readCurrent, readFailed } from "../activate/current.ts";
import { reasonWords } from "../activate/decide/reason-words.ts";
import type { Home } from "../config/home.ts";
import type { TrustState } from "../trust/client.ts";
import type { ActivationSession } from "./activation.ts";
import { formatDuration } from "./output.ts";
import { ownPlatform } from "./own-platform.ts";

/** What is known of the chain, and of the program's own end. */
export interface Heights {
  /** The height that counts. */
  readonly height: number | null;
  readonly latest: number | null;
  /** See `Facts`. */
  readonly haltedFor: number | null;
  /** Digests of what is installed and is no use now. */
  readonly refused?: readonly string[];
}

/** What tells this node from others for as long as it lives: two on one machine have two homes. */
export function nodeSeedOf({ dir }: Pick<Home, "dir">): string {
  return `${hostname()} ${dir}`;
}

/** What shall run on this node, by what is trusted, staged and known now. @throws UpdateError E_STATE_CORRUPT, E_IO */
export async function decideFor(
  { home, staging, config }: Pick<ActivationSession, "home" | "staging" | "config">,
  state: TrustState,
  { refused = [], ...heights }: Heights,
): Promise<Decision> {
  const current = await readCurrent(home), failed = await readFailed(home);
  const staged = (await staging.list()).filter((s) => !refused.includes(s.sha256));
  const { pin, autoRestart } = config.autoUpdate;
  return decide(factsOf(state, ownPlatform(), {
    ...heights,
    running: current === undefined ? null : {
      version: current.version,
      sha256: current.sha256 ?? null,
      activationHeight: current.activationHeight ?? null,
    },
    staged,
    failed: failed.map(({ sha256, activationHeight }) => ({ sha256, activationHeight: activationHeight ?? null })),
    pin: pin ?? null,
    autoRestart,
    nodeSeed: nodeSeedOf(home),
  }));
}

/** The decision for programs. */
export function decisionJson({ run, prepare, why }: Decision): Record<string, unknown> {
  const target = typeof run === "string" ? undefined : run;
  return {
    run: target === undefined ? run : "switch",
    version: target?.version ?? null,
    activationHeight: target?.activationHeight ?? null,
    prepare: prepare.map(({ version, activationHeight }) => ({ version, activationHeight })),
    why: why.map((r) => ({ ...r, words: reasonWords(r) })),
  };
}

/** A reason in words, with the time that is left where blocks have been seen to come. */
export function reasonLine(r: Reason, blockTimeMs: number | null): string {
  const left = r.blocksLeft === null || blockTimeMs === null || r.blocksLeft === 0
    ? ""
    : ` (about ${formatDuration(r.blocksLeft * blockTimeMs)})`;
  return reasonWords(r) + left;
}
