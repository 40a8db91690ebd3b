// The gossip node of a long-running process, which may come later: a port that is taken must not keep a node under `run`
// from its mirrors. Design: "The network half" of docs/activation.md. Must not: end what works without peers.
import { setTimeout as delay } from "node:timers/promises";
import type { Opts } from "../../api.ts";
import { asUpdateError, type UpdateError } from "../../errors.ts";
import type { GossipNode } from "../../gossip/node.ts";

export interface GossipLink {
  /** Undefined as long as there is none. */
  node(): GossipNode | undefined;
  /** Undefined when all is well, or no peers are wanted. */
  problem(): string | undefined;
  stop(): Promise<void>;
}

export interface GossipLinkOptions extends Opts {
  /** True: tries again until it works. False: what goes wrong at first is thrown. */
  readonly isPatient: boolean;
  readonly onFailure: (e: UpdateError) => void;
  /** Called with the node. It ends with the signal, and never throws. */
  readonly whileRunning: (node: GossipNode, signal: AbortSignal) => Promise<void>;
}

/** Another program may hold the port for a moment, or until a person looks. */
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;

/** @param create undefined where no peers are wanted @throws what `create` throws, unless it is patient */
export async function startGossip(
  create: (() => Promise<GossipNode>) | undefined,
  { isPatient, onFailure, whileRunning, ...o }: GossipLinkOptions,
): Promise<GossipLink> {
  const stopping = new AbortController();
  const signal = AbortSignal.any([o.signal, stopping.signal]);
  let node: GossipNode | undefined;
  let attended: Promise<void> | undefined;
  let problem: string | undefined;

  async function tryAgain(makeNode: () => Promise<GossipNode>, waitMs: number): Promise<void> {
    await delay(waitMs, undefined, { signal }).catch(() => {});
    if (signal.aborted || await tryOnce(makeNode)) return;
    await tryAgain(makeNode, Math.min(waitMs * 2, MAX_RETRY_MS));
  }

  async function tryOnce(makeNode: () => Promise<GossipNode>): Promise<boolean> {
    try {
      node = await makeNode();
      attended = whileRunning(node, signal);
      problem = undefined;
      return true;
    } catch (e) {
      if (!isPatient) throw e;
      const error = asUpdateError(e);
      const text = `${error.code}: ${error.message}`;
      if (problem !== text) onFailure(error); // once, not with every try
      problem = text;
      return false;
    }
  }

  const trying = create === undefined || await tryOnce(create) ? undefined : tryAgain(create, FIRST_RETRY_MS);
  return {
    node: () => node,
    problem: () => problem,
    async stop() {
      stopping.abort();
      await trying;
      await attended;
      await node?.stop();
    },
  };
}
