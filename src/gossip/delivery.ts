// What becomes of a message that a peer delivered. Must not: have behaviour but for the one question.
import { isIntegrityError, type UpdateError } from "../errors.ts";

/** The library is told and does it. */
export type Delivery =
  | { readonly verdict: "accept"; readonly kind: "release" | "vote" }
  | { readonly verdict: "ignore"; readonly why: UpdateError }
  | {
    readonly verdict: "reject";
    readonly why: UpdateError;
    /** For all that is known here it may be genuine: who else brings it has done nothing wrong. */
    readonly isBearersFault?: boolean;
  };

/** A peer who has not caught up, or whose metadata has run out, does not lie. */
export function isLie(e: unknown): e is UpdateError {
  return isIntegrityError(e) && e.code !== "E_ROLLBACK" && e.code !== "E_EXPIRED" && e.code !== "E_STALE";
}
