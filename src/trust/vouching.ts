// Who vouches for a targets role: its delegators, by the thresholds they ask for. Design: "Trust in detail" of
// docs/architecture.md; TUF 5.6.3. Pure. Must not: choose a role or a version; that is client.ts.
import { UpdateError } from "../errors.ts";
import type { TrustState } from "./client.ts";
import type { Delegations } from "./delegations.ts";
import { countSignatures, type Envelope, requireThreshold } from "./envelope.ts";
import type { RoleKeys } from "./keys.ts";
import type { Root } from "./metadata.ts";

type Delegator = Root | Delegations;

/** Which delegators have already vouched for an envelope: a listing asks the same question once a target path. */
const vouched = new WeakMap<Envelope, WeakSet<Delegator>>();

/** Who delegates to the children of a role; to the top-level targets it is "root". */
function delegatorOf(state: TrustState, parent: string): Delegator | undefined {
  return parent === "root" ? state.root.signed : state.targets.get(parent)?.signed.delegations;
}

function roleOf(by: Delegator | undefined, name: string): RoleKeys | undefined {
  if (by === undefined) return undefined;
  if ("rolesFor" in by) return by.role(name);
  return name === "targets" ? by.roles.targets : undefined;
}

function vouches(by: Delegator | undefined, name: string, envelope: Envelope): boolean {
  const role = roleOf(by, name);
  if (by === undefined || role === undefined) return false;
  const delegators = vouched.get(envelope) ?? new WeakSet();
  if (delegators.has(by)) return true;
  if (countSignatures(envelope, by.keys, role).valid.size < role.threshold) return false;
  vouched.set(envelope, delegators.add(by));
  return true;
}

/**
 * The parent's threshold for a targets role (TUF 5.6.3).
 * @throws UpdateError E_THRESHOLD, E_SIGNATURE, …; E_INTERNAL when the parent does not delegate to it
 */
export function requireDelegated(state: TrustState, name: string, parent: string, envelope: Envelope): void {
  const by = delegatorOf(state, parent);
  const role = roleOf(by, name);
  if (by === undefined || role === undefined) {
    throw new UpdateError("E_INTERNAL", `${JSON.stringify(parent)} does not delegate to ${JSON.stringify(name)}`);
  }
  if (!vouches(by, name, envelope)) requireThreshold(envelope, by.keys, role, "TUF 5.6.3");
}

/**
 * True when nobody who is trusted now vouches for a loaded role: its keys were rotated since, and the same version may
 * have been signed again. As long as anybody does, the refusal of another delegator is final: two delegators that want
 * different signatures would have us fetch for ever.
 * @param parent the likeliest, asked first
 */
export function isOrphan(state: TrustState, name: string, parent: string, envelope: Envelope): boolean {
  return ![parent, "root", ...state.targets.keys()].some((parent) =>
    vouches(delegatorOf(state, parent), name, envelope)
  );
}
