// What a node tells of what happens to it, for logs and counters. Must not: have behaviour.
import type { UpdateError } from "../errors.ts";

export type GossipEvent =
  | { readonly type: "listening"; readonly addresses: readonly string[] }
  /** An address that was asked for cannot be listened on; another one can. */
  | { readonly type: "not-listening"; readonly address: string; readonly error: UpdateError }
  | { readonly type: "peer"; readonly peer: string; readonly connected: boolean; readonly peers: number }
  /** A message of the topic: what became of it. */
  | { readonly type: "message"; readonly peer: string; readonly verdict: "accept"; readonly kind: "release" | "vote" }
  | {
    readonly type: "message";
    readonly peer: string;
    readonly verdict: "ignore" | "reject";
    readonly why: UpdateError;
  }
  /** A bundle of a peer was proven, and is newer than what was known. */
  | { readonly type: "learnt"; readonly peer: string }
  | { readonly type: "announced"; readonly peers: number }
  | { readonly type: "not-announced"; readonly error: UpdateError }
  /** A peer sent what no honest node sends. */
  | { readonly type: "lie"; readonly peer: string; readonly error: UpdateError }
  | { readonly type: "shut-out"; readonly peer: string }
  | { readonly type: "no-answer"; readonly peer: string; readonly error: UpdateError }
  | { readonly type: "unreachable"; readonly address: string; readonly error: UpdateError };
