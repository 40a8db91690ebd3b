// Trust as bytes: what is written to disk and what comes back. Design: "State on disk", "Trust in detail".
// What comes back is verified again under its own root; what the root no longer vouches for is dropped.
// Must not: know where or how the bytes are kept.
import { UpdateError } from "../errors.ts";
import { acceptSnapshot, acceptTargets, acceptTimestamp, ANY_TIME, pinRoot, type TrustState } from "./client.ts";
import { EMPTY_SCHEDULE, type ScheduleRecord } from "./schedule-record.ts";

/** Exact metadata bytes. */
export interface StoredTrust {
  /** From the pinned root to the current one; at least one. */
  readonly roots: readonly Uint8Array[];
  readonly timestamp?: Uint8Array | undefined;
  readonly snapshot?: Uint8Array | undefined;
  /** "targets" and delegated roles, by name. */
  readonly targets: ReadonlyMap<string, Uint8Array>;
  /** Absent where none is kept: older files, and the library's folder. */
  readonly schedule?: ScheduleRecord | undefined;
}

export function storedTrust(state: TrustState): StoredTrust {
  return {
    roots: state.rootChain,
    timestamp: state.timestamp?.envelope.bytes,
    snapshot: state.snapshot?.envelope.bytes,
    targets: new Map([...state.targets].map(([name, t]) => [name, t.envelope.bytes])),
    schedule: state.schedule,
  };
}

/**
 * Stored metadata counts as a floor and as a cache even when it has expired; whoever decides checks the time.
 * @throws UpdateError E_STATE_CORRUPT when the current root itself does not verify: without it there is nothing to
 *   trust, and starting over silently would be a rollback
 */
export function restoreTrust(stored: StoredTrust): TrustState {
  const current = stored.roots.at(-1);
  let state: TrustState;
  try {
    if (current === undefined) throw new UpdateError("E_MALFORMED", "no root");
    state = { ...pinRoot(current), rootChain: stored.roots, schedule: stored.schedule ?? EMPTY_SCHEDULE };
  } catch (cause) {
    throw new UpdateError("E_STATE_CORRUPT", "the stored trust root does not verify", {
      cause,
      hint: "restore the home folder from a backup, or pin the root again with `init --force`",
    });
  }
  const { timestamp, snapshot, targets } = stored;
  if (timestamp === undefined) return state;
  state = keepIfAccepted(state, (s) => acceptTimestamp(s, timestamp, ANY_TIME));
  if (state.timestamp === undefined || snapshot === undefined) return state;
  state = keepIfAccepted(state, (s) => acceptSnapshot(s, snapshot, ANY_TIME, "disk"));
  // Each round accepts the children of what the round before accepted; a round without progress is the last.
  const waiting = new Map(targets);
  for (let before = -1; before !== waiting.size;) {
    before = waiting.size;
    for (const [name, bytes] of waiting) {
      const parent = name === "targets" ? "root" : parentOf(state, name);
      if (parent === undefined) continue;
      state = keepIfAccepted(state, (s) => acceptTargets(s, name, parent, bytes, ANY_TIME));
      waiting.delete(name);
    }
  }
  return state;
}

function parentOf(state: TrustState, name: string): string | undefined {
  return [...state.targets].find(([, t]) => t.signed.delegations?.role(name) !== undefined)?.[0];
}

/** A stored file that is no longer acceptable (its key was rotated, its parent moved on) is no error: it is refetched. */
function keepIfAccepted(state: TrustState, accept: (s: TrustState) => TrustState): TrustState {
  try {
    return accept(state);
  } catch (e) {
    if (e instanceof UpdateError) return state;
    throw e;
  }
}
