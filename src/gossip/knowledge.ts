// What a node of the network of peers has to know of the trust it serves, and how it learns: a port.
// Design: "The network of nodes" of docs/architecture.md. src/service/ has the one that is stored.
// Must not: have behaviour.
import type { Opts } from "../api.ts";
import type { Clock, TrustState } from "../trust/client.ts";

export interface Knowledge {
  readonly network: string;
  /** What is trusted now. Asked again whenever it matters: it may have grown. */
  state(): TrustState;
  /** The bundle of that state; undefined as long as it is not complete. */
  bundle(): Uint8Array | undefined;
  /**
   * Proves a bundle from anybody and stores what is new in it. Nothing of it counts unless this returns.
   * @throws UpdateError why it is refused
   */
  learn(bundle: Uint8Array, o: Opts): Promise<void>;
  /** The time now, refusing what has expired. */
  clock(): Clock;
}
