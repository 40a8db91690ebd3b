// What a chain's own governance plans (x/upgrade of Cosmos) beside what governors have approved: shown, and told where
// the two differ, while there is time. Design: "The plan of x/upgrade" of docs/chain.md. Must not: decide.
import type { ChainPlan } from "../chain/chain-clock.ts";
import type { TrustState } from "../trust/client.ts";
import { approvedUpgrades } from "../trust/effect.ts";

export interface PlanView extends ChainPlan {
  /** The approved certificate of that height; null when there is none. */
  readonly sequence: number | null;
}

export function viewPlan(plan: ChainPlan | null | undefined, state: TrustState): PlanView | null {
  if (plan === null || plan === undefined) return null;
  const certificate = approvedUpgrades(state).find((u) => u.activation.activationHeight === plan.height);
  return { ...plan, sequence: certificate?.sequence ?? null };
}

/** One sentence without its full stop. */
export function planWords({ name, height, sequence }: PlanView): string {
  const planned = `the chain itself plans ${JSON.stringify(name)} at block ${height}`;
  return sequence === null
    ? `${planned}, and no approved certificate does: its program will halt there, and this node will not switch`
    : `${planned}, as certificate ${sequence} does`;
}
