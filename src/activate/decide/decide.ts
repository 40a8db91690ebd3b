// The decision: from facts to what shall run on this node now. Design: "What is decided" of docs/chain.md.
// Pure, and no clock in it: two nodes with the same facts decide the same, today and in ten years, on every runtime.
// Never early, never without proof, never an unapproved version, never two switches at a time, never a silent downgrade.
// Must not: read anything but its argument. What does not fit together leaves the node as it is.
import { sha256Hex } from "../../trust/hex.ts";
import type { ArtifactFact, Facts, RunningFact, UpgradeFact } from "./facts.ts";

/** Bytes to run, and by which certificate: none for what the network began with. */
export interface Target extends ArtifactFact {
  readonly version: string;
  /** Null for what the network began with. */
  readonly activationHeight: number | null;
  readonly sequence: number | null;
}

/** To be done before it is time: fetch, prove, unpack and try out one of these. */
export interface Step {
  readonly step: "stage";
  readonly version: string;
  readonly artifacts: readonly ArtifactFact[];
  /** Null for what the network began with. */
  readonly activationHeight: number | null;
}

export type ReasonCode =
  | "not-governed"
  | "obstacle"
  | "withdrawn"
  | "polled-hard-fork"
  | "not-released"
  | "mismatch"
  | "failed"
  | "no-genesis"
  | "no-height"
  | "nothing-scheduled"
  | "waiting"
  | "due"
  | "pinned"
  | "waits-for-operator"
  | "will-ask"
  | "not-for-platform"
  | "not-staged"
  | "would-fork";

/** Why; in the order in which it was found. `reason-words.ts` has the words. */
export interface Reason {
  readonly code: ReasonCode;
  /** The version it is about. */
  readonly version: string | null;
  readonly activationHeight: number | null;
  /** Final blocks until it may be switched, where a height is known. */
  readonly blocksLeft: number | null;
  /** More of it, such as an error's message. */
  readonly detail: string | null;
}

export interface Decision {
  /** "as-is": what current.json says, or nothing. "halt": stop, loudly: what runs would follow another chain. */
  readonly run: Target | "as-is" | "halt";
  /** The nearest first. */
  readonly prepare: readonly Step[];
  readonly why: readonly Reason[];
}

export function decide(f: Facts): Decision {
  if (!f.isGoverned) return { run: "as-is", prepare: [], why: [reason("not-governed")] };
  const plan = f.running === null ? planFirst(f) : planNext(f);
  if (f.obstacles.length === 0) return plan;
  const told = f.obstacles.map((o) => reason("obstacle", { detail: `${o.code}: ${o.message}` }));
  return { run: "as-is", prepare: plan.prepare, why: [...told, ...plan.why] };
}

function reason(code: ReasonCode, more: Partial<Omit<Reason, "code">> = {}): Reason {
  return { code, version: null, activationHeight: null, blocksLeft: null, detail: null, ...more };
}

function about(u: UpgradeFact, code: ReasonCode, more: Partial<Reason> = {}): Reason {
  return reason(code, { version: u.version, activationHeight: u.activationHeight, ...more });
}

/** A node that has nothing yet: what governs at its own height, or what the network began with. */
function planFirst(f: Facts): Decision {
  const { usable, why } = usableUpgrades(f);
  const governing = governingUpgrade(f);
  const later = usable.filter((u) => u.activationHeight > (governing?.activationHeight ?? 0));
  if (governing === undefined) return planGenesis(f, later, why);
  const prepare = stepsFor(f, [governing, ...later]);
  if (isFailed(f, governing)) return { run: "as-is", prepare, why: [...why, about(governing, "failed")] };
  const entered = enter(f, governing);
  return { run: entered.run, prepare, why: [...why, ...entered.why] };
}

function planGenesis(f: Facts, later: readonly UpgradeFact[], told: readonly Reason[]): Decision {
  const { genesis } = f, steps = stepsFor(f, later);
  if (genesis === null) return { run: "as-is", prepare: steps, why: [...told, reason("no-genesis")] };
  const { version, artifacts } = genesis, activationHeight = null;
  const found = findStaged(f, artifacts);
  const held = heldBack(f, { version, artifacts, activationHeight }, found);
  if (found === undefined && artifacts.length > 0) {
    steps.unshift({ step: "stage", version, artifacts, activationHeight });
  }
  const run = held === undefined && found !== undefined
    ? { ...found, version, activationHeight, sequence: null }
    : "as-is";
  return { run, prepare: steps, why: [...told, ...held ?? [reason("due", { version })]] };
}

/** What governs a node at its own height, whatever it runs; undefined for what the network began with. */
export function governingUpgrade(f: Facts): UpgradeFact | undefined {
  return governingAt(usableUpgrades(f).usable, knownHeight(f));
}

/** The upgrade of the greatest activation height not above the next block. */
function governingAt(upgrades: readonly UpgradeFact[], height: number | null): UpgradeFact | undefined {
  return upgrades.findLast((u) => u.activationHeight <= (height ?? -1) + 1);
}

/** A node that runs something: the next approved upgrade, or with `latest` the newest, once it is due. */
function planNext(f: Facts): Decision {
  const { usable, why } = usableUpgrades(f);
  const position = positionOf(f);
  const ahead = usable.filter((u) => u.activationHeight > position);
  // In order: whoever may skip an upgrade may do so once it is due, not before.
  const known = Math.max(knownHeight(f) ?? -1, heightByHalting(f, ahead));
  const firstOpen = ahead.findIndex((u) => !isDue(f, u, known));
  const due = firstOpen < 0 ? ahead : ahead.slice(0, firstOpen), open = ahead.slice(due.length);
  const told = [...why, ...withdrawn(f), ...due.filter((u) => isFailed(f, u)).map((u) => about(u, "failed"))];
  const tryable = due.filter((u) => !isFailed(f, u));
  const target = f.sync === "latest" ? tryable.at(-1) : tryable.find((u) => !isRunning(f, u));
  const prepare = stepsFor(f, [...(target === undefined ? [] : tryable.slice(tryable.indexOf(target))), ...open]);
  const isThere = target === undefined || isRunning(f, target);
  const entered = isThere ? { run: "as-is" as const, why: outlook(f, open[0]) } : enter(f, target);
  const fork = entered.run === "as-is" ? missedFork(f, due) : undefined;
  if (fork === undefined || isHeldByOperator(f, isThere ? [] : entered.why)) {
    return { run: entered.run, prepare, why: [...told, ...entered.why] };
  }
  return { run: "halt", prepare, why: [...told, ...(isThere ? [] : entered.why), about(fork, "would-fork")] };
}

/** The first hard fork that has come and that what runs does not make. */
function missedFork(f: Facts, due: readonly UpgradeFact[]): UpgradeFact | undefined {
  return due.slice(due.findLastIndex((u) => isRunning(f, u)) + 1).find((u) => wouldFork(f, u));
}

/** Who holds a node back, or wants to be asked, is told, and not stopped. */
function isHeldByOperator({ pin, running }: Facts, why: readonly Reason[]): boolean {
  return (pin !== null && pin === running?.version) ||
    why.some((r) => r.code === "pinned" || r.code === "waits-for-operator");
}

/** Upgrades that both key sets want and that this kind of chain can make, and why not the others. */
export function usableUpgrades(f: Facts): { readonly usable: readonly UpgradeFact[]; readonly why: readonly Reason[] } {
  const why: Reason[] = [];
  const position = f.running === null ? 0 : positionOf(f);
  const usable = f.upgrades.filter((u) => {
    // By the time a block is seen to be final, others were made by old rules: nodes would part at it.
    const isPolled = u.switch === "at" && u.upgradeType === "hard-fork" && !f.hasInstantFinality;
    // Governors alone move no node, nor stop one.
    const code = isPolled
      ? "polled-hard-fork"
      : u.isReleased
      ? undefined
      : u.release === "mismatch"
      ? "mismatch"
      : "not-released";
    if (code !== undefined && u.activationHeight > position) why.push(about(u, code));
    return code === undefined;
  });
  return { usable, why };
}

/** The height of what runs: an upgrade at it or below is behind this node for ever. */
function positionOf(f: Facts): number {
  const { running, upgrades, genesis } = f;
  if (running === null) return 0;
  if (running.activationHeight !== null) return running.activationHeight;
  if (genesis !== null && isSameVersion(running, genesis)) return 0;
  const own = upgrades.find((u) => isSameVersion(running, u));
  if (own !== undefined) return own.activationHeight;
  // Nobody has approved what runs. Whoever has put it there did so knowing what was in force.
  return governingAt(upgrades, knownHeight(f))?.activationHeight ?? 0;
}

/** The same bytes; by number where a file does not tell its bytes. */
function isSameVersion(
  { version, sha256 }: RunningFact,
  other: { readonly version: string; readonly artifacts: readonly ArtifactFact[] },
): boolean {
  return sha256 === null ? version === other.version : other.artifacts.some((a) => a.sha256 === sha256);
}

/** What counts as the chain's height; a node that need not walk also takes a quorum's word for it. */
function knownHeight(f: Facts): number | null {
  if (f.sync === "walk" || f.provenHeight === 0) return f.height;
  return Math.max(f.height ?? 0, f.provenHeight);
}

/**
 * The last block of a program that has halted, as it was told to, before an upgrade that is in force; -1 otherwise. Where
 * finality takes time that block may still be replaced: it proves enough for a program that knows both rules.
 */
function heightByHalting(f: Facts, ahead: readonly UpgradeFact[]): number {
  const upgrade = ahead.find((u) => u.activationHeight === f.haltedFor);
  if (upgrade === undefined || (upgrade.switch === "at" && !f.hasInstantFinality)) return -1;
  return upgrade.activationHeight - 1;
}

function isDue(f: Facts, u: UpgradeFact, known: number): boolean {
  // The last block of the old rules is final; with `before` that is late, and late is better than not at all.
  if (known >= u.activationHeight - 1) return true;
  return u.switch === "before" && u.switchFrom !== null && known >= u.switchFrom &&
    Math.max(known, f.latest ?? 0) >= placeInWindow(f, u);
}

/** The second half of a window is for nodes that were late: off, slow, or rolled back once. */
const PLACES = 2 ** 16;

/** The block of its window at which this node switches: spread over the first half by the node and the certificate. */
function placeInWindow({ nodeSeed }: Facts, u: UpgradeFact): number {
  const from = u.switchFrom ?? u.activationHeight - 1;
  const half = Math.floor((u.activationHeight - 1 - from) / 2);
  const digest = sha256Hex(new TextEncoder().encode(`${nodeSeed} ${u.certificate}`));
  const place = parseInt(digest.slice(0, 4), 16);
  // Exact also where the product would have more than 53 bits.
  return from + Math.floor(half / PLACES) * place + Math.floor(((half % PLACES) * place) / PLACES);
}

/** The blocks of the new rules have come, or come next: by final ones, or with `before` by what is only new. */
function wouldFork(f: Facts, u: UpgradeFact): boolean {
  const reached = Math.max(knownHeight(f) ?? -1, u.switch === "before" ? f.latest ?? -1 : -1);
  return u.upgradeType === "hard-fork" && (reached >= u.activationHeight - 1 || f.haltedFor === u.activationHeight);
}

function isRunning({ running }: Facts, u: UpgradeFact): boolean {
  return running !== null && isSameVersion(running, u);
}

function isFailed({ failed }: Facts, u: UpgradeFact): boolean {
  return failed.some((x) =>
    x.activationHeight === u.activationHeight && u.artifacts.some((a) => a.sha256 === x.sha256)
  );
}

function findStaged({ staged }: Facts, artifacts: readonly ArtifactFact[]): ArtifactFact | undefined {
  return artifacts.find((a) => staged.some((s) => s.sha256 === a.sha256));
}

/** Changing to an upgrade that is due, or what keeps this node from it. */
function enter(f: Facts, u: UpgradeFact): Pick<Decision, "run" | "why"> {
  const found = u.release === "matches" ? findStaged(f, u.artifacts) : undefined;
  const held = heldBack(f, u, found);
  if (held === undefined && found !== undefined) {
    const { version, activationHeight, sequence } = u;
    return { run: { ...found, version, activationHeight, sequence }, why: [about(u, "due")] };
  }
  return { run: "as-is", why: u.release === "mismatch" ? [about(u, "mismatch")] : held ?? [] };
}

/** What speaks against running a version that is due; undefined when nothing does. */
function heldBack(
  { pin, autoRestart, running }: Facts,
  { version, artifacts, activationHeight }: Omit<Step, "step">,
  found: ArtifactFact | undefined,
): readonly Reason[] | undefined {
  const held = (
    code: ReasonCode,
    detail: string | null = null,
  ) => [reason(code, { version, activationHeight, detail })];
  if (pin !== null && pin !== version) return held("pinned", pin);
  if (artifacts.length === 0) return held("not-for-platform");
  if (found === undefined) return held("not-staged");
  // A first version disturbs nobody.
  if (!autoRestart && running !== null) return held("waits-for-operator");
  return undefined;
}

/** What comes next, and how far away it is. */
function outlook(f: Facts, next: UpgradeFact | undefined): readonly Reason[] {
  if (next === undefined) return [reason("nothing-scheduled")];
  const from = next.switch === "before" && next.switchFrom !== null
    ? Math.max(next.switchFrom, placeInWindow(f, next))
    : next.activationHeight - 1;
  const known = knownHeight(f);
  const blocksLeft = known === null ? null : Math.max(0, from - known);
  const told = known === null ? [reason("no-height")] : [];
  // Who has to act is told while there is time.
  if (f.pin !== null && f.pin !== next.version) return [...told, about(next, "pinned", { detail: f.pin, blocksLeft })];
  return [...told, about(next, "waiting", { blocksLeft }), ...(f.autoRestart ? [] : [about(next, "will-ask")])];
}

/** What runs was approved once and is not any more, or never was: nobody goes back silently. */
function withdrawn({ running, upgrades, genesis }: Facts): readonly Reason[] {
  if (running === null) return [];
  const { version, activationHeight } = running;
  const isApproved = upgrades.some((u) =>
    isSameVersion(running, u) && (activationHeight === null || u.activationHeight === activationHeight)
  );
  if (isApproved || (activationHeight === null && genesis !== null && isSameVersion(running, genesis))) return [];
  return [reason("withdrawn", { version, activationHeight })];
}

/** What of these is not ready yet, and can be; the same bytes once. */
function stepsFor(f: Facts, upgrades: readonly UpgradeFact[]): Step[] {
  const open = upgrades.filter((u) =>
    u.release === "matches" && !isFailed(f, u) && !isRunning(f, u) && findStaged(f, u.artifacts) === undefined
  );
  const first = (u: UpgradeFact) => open.find((other) => other.artifacts[0]?.sha256 === u.artifacts[0]?.sha256);
  return open.filter((u) => first(u) === u)
    .map(({ version, artifacts, activationHeight }) => ({ step: "stage", version, artifacts, activationHeight }));
}
