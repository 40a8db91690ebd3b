// Random histories of one node and its network, out of a seed: governors approve, replace and cancel, blocks come, the
// node's RPC dies, its chain is wiped, its program halts, it is off, it knows half, versions fail, operators pin.
// After each event the decision is asked for, checked by whoever plays, and carried out.
// Must not: judge. It knows the truth, which the facts do not hold, and hands it over.
import { decide, type Decision, type Target } from "../../src/activate/decide/decide.ts";
import type { Facts, UpgradeFact } from "../../src/activate/decide/facts.ts";
import { sha256Hex } from "../../src/trust/hex.ts";
import { type SeededRandom, seededRandom } from "./seeded-random.ts";

/** What is so, whatever the node knows. */
export interface Truth {
  /** The largest height that was ever really final on the node's own chain. */
  readonly ownHeight: number;
  /** Of the network. */
  readonly networkHeight: number;
}

export type Check = (facts: Facts, decision: Decision, truth: Truth) => void;

const LEAD_BLOCKS = 10;
const EVENTS = 120;

const digest = (text: string) => sha256Hex(new TextEncoder().encode(text));

/** Plays a history to its end. @param check sees each decision before it is carried out */
export function playHistory(seed: string, check: Check): void {
  const random = seededRandom(seed);
  const genesis = { version: "0.1.0", artifacts: [{ path: "dchat/0.1.0/g", sha256: digest("genesis") }] };
  const world = createWorld(random);
  const node = createNode(random, genesis.artifacts[0]?.sha256 ?? "");
  const hasInstantFinality = random.chance(0.6), sync = random.chance(0.6) ? "walk" : "latest";
  const factsNow = (): Facts => ({
    ...node.facts(),
    isGoverned: true,
    hasInstantFinality,
    sync,
    genesis,
    nodeSeed: seed,
  });
  const ask = (): Decision => {
    const facts = factsNow(), decision = decide(facts);
    check(facts, decision, { ownHeight: node.ownHeight(), networkHeight: world.height() });
    return decision;
  };
  for (let i = 0; i < EVENTS; i++) {
    world.happen();
    node.happen(world, hasInstantFinality);
    node.carryOut(ask());
  }
  // At the end all is well, and what can be done is done.
  node.settle(world);
  for (let i = 0; i < EVENTS; i++) {
    const decision = ask();
    if (typeof decision.run === "string") break;
    node.carryOut(decision);
  }
}

interface World {
  happen(): void;
  height(): number;
  provenHeight(): number;
  upgrades(): readonly UpgradeFact[];
}

function createWorld(random: SeededRandom): World {
  let height = 20, proven = 0, sequence = 0;
  let live: UpgradeFact[] = [];
  const propose = (least: number) => {
    sequence++;
    proven = height;
    const activationHeight = Math.max(least, height) + LEAD_BLOCKS + 2 + random.below(70);
    const isBefore = random.chance(0.4);
    const release = random.chance(0.9) ? "matches" : random.pick(["no-target", "no-release", "mismatch"] as const);
    // Now and then the same bytes again, and now and then an older version, approved as any other.
    const version = `1.${random.chance(0.15) ? random.below(sequence) : sequence}.0`;
    live.push({
      sequence,
      certificate: digest(`certificate ${sequence}`),
      version,
      upgradeType: random.pick(["soft-fork", "hard-fork", "hard-fork", "security-patch"]),
      activationHeight,
      switch: isBefore ? "before" : "at",
      switchFrom: isBefore ? activationHeight - 1 - random.below(40) : null,
      artifacts: release === "no-target" ? [] : [{ path: `dchat/${version}/a`, sha256: digest(version) }],
      release,
      isReleased: release === "matches" || release === "no-target",
    });
  };
  return {
    height: () => height,
    provenHeight: () => proven,
    upgrades: () => live,
    happen() {
      if (random.chance(0.7)) height += random.below(12);
      const last = live.at(-1), open = live.filter((u) => u.activationHeight - LEAD_BLOCKS > height);
      if (random.chance(0.12)) propose(last?.activationHeight ?? 0);
      else if (random.chance(0.05) && open.length > 0) {
        const gone = random.pick(open);
        live = live.filter((u) => u !== gone);
        // A replacement of the last one may come earlier than it would have.
        if (random.chance(0.5)) propose(live.at(-1)?.activationHeight ?? 0);
      }
    },
  };
}

interface Node {
  happen(world: World, hasInstantFinality: boolean): void;
  carryOut(decision: Decision): void;
  settle(world: World): void;
  ownHeight(): number;
  facts(): Omit<Facts, "isGoverned" | "hasInstantFinality" | "sync" | "genesis" | "nodeSeed">;
}

function createNode(random: SeededRandom, genesisSha256: string): Node {
  let running: Facts["running"] = null;
  let isRunning = true; // the program is not stopped
  let own = 0, ownMax = 0; // of its chain: now, and ever
  let height: number | null = null, latest: number | null = null;
  let haltedFor: number | null = null;
  let upgrades: readonly UpgradeFact[] = [], provenHeight = 0, knowsAll = true;
  let staged: Facts["staged"][number][] = [];
  const failed: Facts["failed"][number][] = [];
  let isSettled = false; // nothing goes wrong any more
  let pin: string | null = null, autoRestart = true, isOff = random.chance(0.2), hasRpc = true;

  const learn = (world: World, isWhole: boolean) => {
    upgrades = isWhole ? [...world.upgrades()] : world.upgrades().filter(() => random.chance(0.7));
    knowsAll = upgrades.length === world.upgrades().length;
    provenHeight = knowsAll ? world.provenHeight() : provenHeight;
  };
  const stage = (version: string, sha256: string) => {
    if (!staged.some((s) => s.sha256 === sha256)) staged.push({ version, sha256 });
  };
  const read = () => {
    if (!hasRpc) return void (latest = null);
    height = Math.max(height ?? 0, own);
    latest = own + random.below(8);
    haltedFor = null;
  };
  /** Blocks come; a program that was told to halts before the first of the next rules, its RPC perhaps with it. */
  const grow = (world: World, hasInstantFinality: boolean) => {
    const next = upgrades.find((u) => u.activationHeight > (running?.activationHeight ?? 0));
    const haltsAt = hasInstantFinality && next?.switch === "at" ? next.activationHeight - 1 : Infinity;
    if (own > haltsAt) return; // it never halts at a block that has passed
    own = Math.min(world.height(), own + random.below(40), haltsAt);
    ownMax = Math.max(ownMax, own);
    if (own !== haltsAt || !random.chance(0.5)) return;
    hasRpc = false;
    haltedFor = haltsAt + 1;
  };
  return {
    ownHeight: () => ownMax,
    facts: () => ({
      running,
      height,
      latest,
      haltedFor: haltedFor !== null && (height ?? 0) < haltedFor - 1 ? haltedFor : null,
      provenHeight,
      upgrades,
      obstacles: knowsAll ? [] : [{ code: "E_WITHHELD", message: "certificates are withheld" }],
      staged,
      failed,
      pin,
      autoRestart,
    }),
    happen(world, hasInstantFinality) {
      if (random.chance(0.05)) isOff = !isOff;
      if (isOff) return;
      if (random.chance(0.1) && haltedFor === null) hasRpc = !hasRpc;
      if (random.chance(0.02)) own = random.below(own + 1); // wiped or restored
      if (random.chance(0.05)) pin = pin === null ? running?.version ?? null : null;
      if (random.chance(0.05)) autoRestart = !autoRestart;
      if (random.chance(0.5)) learn(world, random.chance(0.8));
      if (isRunning && haltedFor === null) grow(world, hasInstantFinality);
      if (random.chance(0.8)) read();
    },
    carryOut({ run, prepare }) {
      if (isOff) return;
      for (const step of prepare) {
        const [artifact] = step.artifacts;
        if (artifact !== undefined && random.chance(0.4)) stage(step.version, artifact.sha256);
      }
      if (!isSettled && random.chance(0.03)) staged = staged.filter(() => random.chance(0.5)); // damaged, or removed
      isRunning = run !== "halt";
      if (typeof run === "string" || (!isSettled && random.chance(0.1))) return; // or it was killed before it had switched
      const { version, sha256, activationHeight } = run;
      const hasFailed = !isSettled && activationHeight !== null && random.chance(0.15);
      if (hasFailed) return void failed.push({ sha256, activationHeight });
      running = { version, sha256, activationHeight };
      haltedFor = null;
      hasRpc = true;
    },
    settle(world) {
      [isSettled, isOff, hasRpc, pin, autoRestart] = [true, false, true, null, true];
      learn(world, true);
      stage("0.1.0", genesisSha256);
      for (const u of upgrades) for (const a of u.artifacts) if (u.release === "matches") stage(u.version, a.sha256);
      read();
    },
  };
}

/** What runs by a decision, for messages and comparison. */
export function shown(run: Target | string): string {
  return typeof run === "string" ? run : `${run.version} from ${run.activationHeight}`;
}
