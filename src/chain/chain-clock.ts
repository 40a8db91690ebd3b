// What a chain is asked, and what it answers: the interface of every adapter. Design: "What counts" of
// docs/chain.md. Must not: judge an answer (chain-state.ts), remember one (height-store.ts).
import { underDeadline } from "../abortable.ts";
import type { Opts } from "../api.ts";
import { UpdateError } from "../errors.ts";

/** The chain at one moment, as the node's own RPC tells it. Untrusted as anything, but there is nobody else to ask. */
export interface ChainReading {
  /** What the chain calls itself, such as the hash of block 0; undefined where the adapter cannot know. */
  readonly genesis: string | undefined;
  /** The newest block that the node has. */
  readonly latest: number;
  /** The newest block that stays, by the root's rule of finality: the one that counts. Never above `latest`. */
  readonly finalized: number;
  /** Of the finalized block. */
  readonly hash: string | undefined;
  /** The node says that it has not caught up with its network. */
  readonly isSyncing: boolean;
  /** What the chain itself plans; null when nothing, undefined where there is no such thing. */
  readonly plan?: ChainPlan | null | undefined;
}

/** An upgrade that a chain's own governance has scheduled. It is shown; certificates decide. */
export interface ChainPlan {
  readonly name: string;
  readonly height: number;
}

/** One way to ask a chain. */
export interface ChainAdapter {
  readonly kind: string;
  /**
   * Asks once.
   * @throws UpdateError E_CHAIN with the reason as its cause; E_INTERRUPTED
   */
  read(o: Opts): Promise<ChainReading>;
}

/** One question takes this long at most, whatever its parts take: a poll must end before it is too old to be used. */
const READ_TIMEOUT_MS = 20_000;

/**
 * An adapter out of a function that asks: with an end to it, and one kind of error.
 * @param ask may throw anything
 */
export function createAdapter(kind: string, ask: (o: Opts) => Promise<ChainReading>): ChainAdapter {
  return {
    kind,
    async read({ signal }) {
      signal.throwIfAborted();
      let late: Error | undefined;
      const tooLate = () => late = new Error(`no height within ${READ_TIMEOUT_MS / 1000} s`);
      try {
        return await underDeadline(READ_TIMEOUT_MS, tooLate, signal, (signal) => ask({ signal }));
      } catch (cause) {
        if (signal.aborted) throw cause;
        const why = late !== undefined ? late.message : cause instanceof Error ? cause.message : String(cause);
        throw new UpdateError("E_CHAIN", `the chain gives no height: ${why}`, {
          cause,
          hint: "is the node's RPC running? see `dchat-update show-config` and docs/chain.md",
        });
      }
    },
  };
}
