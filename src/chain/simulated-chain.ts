// A chain that produces blocks when it is told to, and behaves as badly as it is told to. Design: docs/chain.md,
// "The simulated chain". Its blocks are heights with hashes, the same for the same history on every machine.
// Must not: keep time or open sockets (simulated-server.ts).
import { sha256Hex } from "../trust/hex.ts";

export interface SimulatedChainOptions {
  /** Any name; its digest is block 0. */
  readonly name: string;
  /** Blocks behind the newest one that can still be replaced; 0 is instant finality. */
  readonly finalityLag?: number;
  /** Blocks that are there from the beginning. */
  readonly height?: number;
}

export interface SimulatedBlock {
  readonly height: number;
  /** 0x and 64 hex digits. */
  readonly hash: string;
}

/** What can be asked of it from outside, one at a time; the server takes them as JSON. */
export interface ChainOrders {
  /** That many new blocks. */
  readonly produce?: number;
  /** The newest blocks, as many as can still be replaced at most, are replaced by others. */
  readonly reorg?: number;
  /** No block of this height or above; null lifts it. */
  readonly haltAt?: number | null;
  /** Says that it is this many blocks further than it is; 0 ends the lie. */
  readonly lieUpward?: number;
  /** Goes back to this height, finalized or not, as a chain does whose data were wiped or restored. */
  readonly fallBackTo?: number;
  readonly syncing?: boolean;
  /** False: connections are cut without an answer. */
  readonly answering?: boolean;
}

export interface SimulatedChain {
  readonly genesis: string;
  /** What it says now, lies included. */
  status(): {
    readonly latest: SimulatedBlock;
    readonly finalized: SimulatedBlock;
    readonly isSyncing: boolean;
    readonly isAnswering: boolean;
  };
  /** What it says of one block; undefined above the newest. */
  block(height: number): SimulatedBlock | undefined;
  /** The newest block there really is. */
  readonly height: number;
  apply(orders: ChainOrders): void;
}

export function createSimulatedChain(o: SimulatedChainOptions): SimulatedChain {
  const finalityLag = o.finalityLag ?? 0;
  let height = o.height ?? 0;
  let haltAt: number | undefined;
  let lie = 0;
  let isSyncing = false, isAnswering = true;
  // From which height on blocks belong to which attempt; rising in both.
  let branches: { readonly from: number; readonly attempt: number }[] = [];
  let attempts = 0;

  const hashAt = (n: number): string => {
    const attempt = n === 0 ? 0 : branches.findLast((b) => b.from <= n)?.attempt ?? 0;
    return `0x${sha256Hex(new TextEncoder().encode(`${o.name} ${n} ${attempt}`))}`;
  };
  const blockAt = (n: number): SimulatedBlock => ({ height: n, hash: hashAt(n) });
  const branchFrom = (n: number): void => {
    branches = [...branches.filter((b) => b.from < n), { from: n, attempt: ++attempts }];
  };
  const grow = (count: number): void => {
    const limit = (haltAt ?? Infinity) - 1;
    height = Math.max(height, Math.min(height + count, limit));
  };

  return {
    genesis: hashAt(0),
    get height() {
      return height;
    },
    status() {
      const said = height + lie;
      return { latest: blockAt(said), finalized: blockAt(Math.max(0, said - finalityLag)), isSyncing, isAnswering };
    },
    block: (n) => n <= height + lie ? blockAt(n) : undefined,
    apply(orders) {
      if (orders.haltAt !== undefined) haltAt = orders.haltAt ?? undefined;
      if (orders.produce !== undefined) grow(orders.produce);
      if (orders.reorg !== undefined) branchFrom(height - Math.min(orders.reorg, finalityLag, height) + 1);
      if (orders.lieUpward !== undefined) lie = orders.lieUpward;
      if (orders.fallBackTo !== undefined) {
        height = Math.min(height, orders.fallBackTo);
        branchFrom(height + 1);
      }
      isSyncing = orders.syncing ?? isSyncing;
      isAnswering = orders.answering ?? isAnswering;
    },
  };
}
