// Asks peers once for what they know that is newer, within a time, and is gone: for commands that run without a node.
// Design: docs/gossip.md, "What a command asks".
// Must not: believe a peer, go on after its time, or count silence as an error.
import { asUpdateError, UpdateError } from "../errors.ts";
import { requestBundle } from "./bundle-exchange.ts";
import { isLie } from "./delivery.ts";
import type { Knowledge } from "./knowledge.ts";
import { type PassingHostOptions, startPassingHost } from "./passing-host.ts";
import { versionsOf } from "./relay.ts";

export interface AskPeersOptions extends Omit<PassingHostOptions, "network"> {
  readonly knowledge: Knowledge;
  /** Multiaddrs; all are asked at once. */
  readonly addresses: readonly string[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface PeerAnswered {
  readonly address: string;
  /** "newer": it knew more, and that is proven and stored. "same": it did not. Undefined when there was no good answer. */
  readonly answer: "newer" | "same" | undefined;
  readonly error: UpdateError | undefined;
  /** True when what it gave was a lie. */
  readonly isLie: boolean;
}

/** Once one has answered the others get this long: several round trips around the world. */
const GRACE_MS = 1_500;

/** @returns one entry an address, in their order. @throws the signal's reason; what storing throws, such as E_DISK_FULL */
export async function askPeers(o: AskPeersOptions): Promise<PeerAnswered[]> {
  const { knowledge, addresses } = o;
  const timeout = new AbortController();
  const signal = AbortSignal.any([o.signal, timeout.signal]);
  const late = () => timeout.abort(new UpdateError("E_TIMEOUT", "no answer in time"));
  const timer = setTimeout(late, o.timeoutMs);
  let grace: ReturnType<typeof setTimeout> | undefined;
  const { dial, stop } = await startPassingHost({ ...o, network: knowledge.network });

  async function ask(address: string): Promise<PeerAnswered> {
    try {
      const connection = await dial(address, signal);
      const bundle = await requestBundle(connection, versionsOf(knowledge), signal);
      const before = versionsOf(knowledge);
      if (bundle !== undefined) await knowledge.learn(bundle, { signal: o.signal });
      const after = versionsOf(knowledge);
      grace ??= setTimeout(late, GRACE_MS);
      const isNewer = after.root !== before.root || after.timestamp !== before.timestamp;
      return { address, answer: isNewer ? "newer" : "same", error: undefined, isLie: false };
    } catch (e) {
      o.signal.throwIfAborted();
      const error = timeout.signal.aborted
        ? new UpdateError("E_TIMEOUT", "no answer in time", { cause: e, source: address })
        : asUpdateError(e, "E_UNREACHABLE");
      if (error.exitCode >= 40) throw error; // our own disk: no other peer can help
      return { address, answer: undefined, error, isLie: isLie(error) };
    }
  }

  try {
    return await Promise.all(addresses.map(ask));
  } finally {
    clearTimeout(timer);
    clearTimeout(grace);
    await stop();
  }
}
