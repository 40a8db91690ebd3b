// What a long-running node trusts: in memory for those who ask often, on disk for everybody else.
// Design: "State on disk" of docs/architecture.md: commands and the daemon work side by side on one trust/state.json.
// Must not: count anything as known that is not stored.
import type { Opts } from "../api.ts";
import type { HomeTrustStore } from "../config/trust-store.ts";
import { fileMark } from "../disk/file-mark.ts";
import { asUpdateError, isHomeError, UpdateError } from "../errors.ts";
import type { Knowledge } from "../gossip/knowledge.ts";
import type { Votes } from "../gossip/votes.ts";
import { applyBundle, applySchedule, readBundle, writeBundle } from "../trust/bundle.ts";
import { type Clock, isComplete, type TrustState } from "../trust/client.ts";
import { latchReleases } from "../trust/release-match.ts";
import { firstOpenSequence, learnVotes, votesDigest } from "../trust/votes.ts";
import { networkOf, requireNetwork } from "../trust/x-dchat.ts";

export interface StoredKnowledgeOptions {
  readonly network: string;
  readonly store: HomeTrustStore;
  /** The file of the store: when another process writes it, there is something new. */
  readonly file: string;
  /** What the store holds. */
  readonly initial: TrustState;
  /** This machine's, for which approved releases are compared with released ones. */
  readonly platform: string;
  readonly now: () => number;
  /** Notes at which height what has become complete was seen. */
  readonly noteSight?: (state: TrustState) => Promise<unknown>;
  /** Called after each growth, of metadata or of votes, when it is stored. */
  readonly onGrowth: (before: TrustState, after: TrustState) => void;
  /** Called when this home does not take what a peer has brought and what is proven: its own fault, and no peer's. */
  readonly onUnstored?: (error: UpdateError) => void;
}

export interface StoredKnowledge extends Knowledge {
  /** Votes of governors, as a node keeps them. */
  readonly votes: Votes;
  /** Looks whether another process has stored something newer. @throws UpdateError E_STATE_CORRUPT, E_IO */
  reload(): Promise<void>;
}

export function createStoredKnowledge(o: StoredKnowledgeOptions): StoredKnowledge {
  let state = o.initial;
  let mark = "";
  let written: { readonly of: TrustState; readonly bundle: Uint8Array | undefined } | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  /** One after another: each starts from what the one before has stored. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work, work);
    turn = mine.catch(() => {}); // whoever asked hears of it
    return mine;
  }

  async function toldIfUnstored(storing: Promise<unknown>): Promise<void> {
    try {
      await storing;
    } catch (e) {
      if (isHomeError(e)) o.onUnstored?.(asUpdateError(e));
      throw e;
    }
  }

  async function load(): Promise<TrustState> {
    const stored = await o.store.load();
    if (stored === undefined) {
      throw new UpdateError("E_NOT_INITIALIZED", "the trust root is gone", { hint: "pin it again: dchat-update init" });
    }
    // The peers of this process are of its own network: to them the other one's metadata would be lies.
    const network = networkOf(stored.root.signed);
    if (network === o.network) return stored;
    const message = `the home was given the root of network ${JSON.stringify(network)} meanwhile`;
    throw new UpdateError("E_STATE_CORRUPT", message, { hint: "start it again" });
  }

  async function takeOver(): Promise<void> {
    const seen = await fileMark(o.file);
    const before = state;
    state = await load();
    mark = seen; // not before: what could not be read is read again
    if (versionsOf(state) !== versionsOf(before) || hasOtherVotes(before, state)) o.onGrowth(before, state);
  }

  /** What is stored, as far as this process can know it without reading it again: that verifies all of it. */
  const stored = async () => mark !== "" && mark === await fileMark(o.file) ? state : await load();

  const votes: Votes = {
    learn: (received, opts) =>
      inTurn(async () => {
        const { state: next, learnt, lie } = learnVotes(await stored(), received);
        if (learnt.some((l) => l.added.length > 0)) {
          await toldIfUnstored(o.store.addSchedule(next.schedule, opts));
          await o.noteSight?.(next);
          await takeOver();
        }
        if (lie !== undefined) throw lie;
        return learnt;
      }),
  };

  const clock = (): Clock => ({ nowMs: o.now(), expired: "refuse" });

  return {
    network: o.network,
    state: () => state,
    clock,
    votes,
    bundle() {
      if (written?.of !== state) written = { of: state, bundle: isComplete(state) ? bundleOf(state) : undefined };
      return written.bundle;
    },
    learn: (bytes: Uint8Array, opts: Opts) =>
      inTurn(async () => {
        const bundle = readBundle(bytes);
        if (bundle.network !== o.network) {
          const message = `a bundle of network ${JSON.stringify(bundle.network.slice(0, 64))}`;
          throw new UpdateError("E_MALFORMED", message);
        }
        const before = await load();
        const proven = applyBundle(before, bundle, clock());
        requireNetwork(proven.root.signed, o.network);
        const next = latchReleases(applySchedule(proven, bundle), o.platform, clock());
        if (next !== before) await toldIfUnstored(o.store.save(next, "complete", opts));
        await o.noteSight?.(next);
        await takeOver();
      }),
    reload: () => inTurn(async () => mark === await fileMark(o.file) ? undefined : await takeOver()),
  };

  function bundleOf(of: TrustState): Uint8Array | undefined {
    try {
      return writeBundle(of, o.network);
    } catch (e) {
      if (e instanceof UpdateError && e.code === "E_TOO_LARGE") return undefined; // peers have to ask mirrors
      throw e;
    }
  }
}

function hasOtherVotes(a: TrustState, b: TrustState): boolean {
  const sequence = Math.min(firstOpenSequence(a), firstOpenSequence(b));
  return votesDigest(a, sequence) !== votesDigest(b, sequence);
}

function versionsOf({ root, timestamp }: TrustState): string {
  return `${root.signed.version} ${timestamp?.signed.version ?? 0}`;
}
