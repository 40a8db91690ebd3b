// Where a node keeps the votes of governors, and how it learns them: a port. src/service/ has the one that is stored.
// Design: docs/gossip.md, "Votes". Must not: have behaviour.
import type { Opts } from "../api.ts";
import type { Certificate } from "../trust/certificate.ts";
import type { Learnt } from "../trust/schedule.ts";

export interface Votes {
  /**
   * Verifies votes and stores what is new, in their order; none counts unless this returns.
   * @returns what became of each
   * @throws UpdateError E_SIGNATURE when one of them is a lie; those before it are stored. E_IO, E_DISK_FULL
   */
  learn(votes: readonly Certificate[], o: Opts): Promise<readonly Pick<Learnt, "outcome" | "added">[]>;
}
