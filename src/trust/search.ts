// The search for a target path through the delegations: pre-order, depth first, terminating (TUF 5.6.7).
// Must not: fetch, or verify a signature. Pure: where a role is not loaded yet the search says which one it needs, and starts again once it is there.
import { UpdateError } from "../errors.ts";
import { type Clock, type TrustState, wantedTargets } from "./client.ts";
import type { TargetFile } from "./metadata.ts";

/** Roles visited for one path. A cycle visits no role twice; the figure is the one other clients use. */
const MAX_VISITED_ROLES = 32;

/** A role that has to be fetched before the search can go on. */
export interface NeededRole {
  readonly name: string;
  readonly parent: string;
}

export type SearchResult =
  | { readonly kind: "found"; readonly target: TargetFile; readonly role: string }
  | { readonly kind: "absent" }
  | { readonly kind: "need"; readonly role: NeededRole };

/**
 * Looks a target path up.
 * @throws UpdateError when a role on the way is not acceptable, or after too many roles
 */
export function searchTarget(state: TrustState, targetPath: string, clock: Clock): SearchResult {
  const visited = new Set<string>();
  const stack: NeededRole[] = [{ name: "targets", parent: "root" }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (visited.has(next.name)) continue;
    if (visited.size >= MAX_VISITED_ROLES) {
      throw new UpdateError("E_MALFORMED", `more than ${MAX_VISITED_ROLES} roles were asked for one target`, {
        clause: "TUF 5.6.7.1",
      });
    }
    visited.add(next.name);
    if (!wantedTargets(state, next.name, next.parent, clock).present) return { kind: "need", role: next };
    const signed = state.targets.get(next.name)?.signed;
    const target = signed?.targets.get(targetPath);
    if (target !== undefined) return { kind: "found", target, role: next.name };
    const children = signed?.delegations?.rolesFor(targetPath) ?? [];
    const lastIndex = children.findIndex((role) => role.terminating);
    // A terminating role ends the search behind it: nothing that was waiting is asked any more (TUF 5.6.7.2.2).
    if (lastIndex >= 0) stack.length = 0;
    const asked = lastIndex >= 0 ? children.slice(0, lastIndex + 1) : children;
    for (const role of [...asked].reverse()) stack.push({ name: role.name, parent: next.name });
  }
  return { kind: "absent" };
}

/**
 * The next delegated role that is reachable but not loaded, for readers who want all of them; undefined when none is.
 * Hash bins are left out: they are for looking up, not for listing.
 */
export function nextUnloadedRole(state: TrustState, clock: Clock): NeededRole | undefined {
  const visited = new Set<string>();
  const queue: NeededRole[] = [{ name: "targets", parent: "root" }];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    if (visited.has(next.name)) continue;
    if (visited.size >= MAX_VISITED_ROLES) {
      throw new UpdateError("E_MALFORMED", `more than ${MAX_VISITED_ROLES} targets roles in one repository`);
    }
    visited.add(next.name);
    if (!wantedTargets(state, next.name, next.parent, clock).present) return next;
    const delegations = state.targets.get(next.name)?.signed.delegations;
    for (const role of delegations?.all() ?? []) queue.push({ name: role.name, parent: next.name });
  }
  return undefined;
}
