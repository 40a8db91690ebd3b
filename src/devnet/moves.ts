// What people do in a network, and what is waited for then: moves that scenarios are made of. Design: docs/devnet.md.
// Must not: know in which order.
import { join } from "node:path";
import type { GovernorPlace, Network, NodePlace } from "./network.ts";
import { mustHold } from "./scenario.ts";
import type { PlanView } from "./table.ts";

/** The last blocks before a height come at the chain's own pace, to be watched. */
export const WATCHED_BLOCKS = 4;
/** Several times as long as a node takes to look at its chain. */
const PAUSE_MS = 1_000;

/** What is used of the document of `governance vote`. */
export interface Tally {
  readonly sequence: number;
  readonly status: string;
  readonly weight: number;
  readonly requiredWeight: number;
}

/** @returns where the proposal is, for the governors */
export async function propose(n: Network, version: string, activationHeight: number): Promise<string> {
  const file = join(n.folder, `proposal-${version}.json`);
  const heights = ["--height", String(activationHeight), "--current-height", String(n.height())];
  await n.dchat(["governance", "propose", "--version", version, ...heights, "--repo", n.repo, "--output", file]);
  n.setPlan({ version, activationHeight, votes: null, state: "voting" });
  return file;
}

/** Proposes that the newest certificate shall have no effect. */
export async function proposeCancel(n: Network): Promise<{ file: string; sequence: number }> {
  const { certificates } = await n.json<{ certificates: { sequence: number }[] }>([
    ...["governance", "list", "--repo", n.repo],
  ]);
  const sequence = Math.max(...certificates.map((c) => c.sequence));
  const file = join(n.folder, `cancel-${sequence}.json`), height = ["--current-height", String(n.height())];
  await n.dchat(["governance", "cancel", String(sequence), ...height, "--repo", n.repo, "--output", file]);
  return { file, sequence };
}

/** Each governor signs at home, and the maintainer takes their files in. */
export async function vote(n: Network, proposal: string, governors: readonly GovernorPlace[]): Promise<Tally> {
  const voted = await Promise.all(governors.map(async (governor) => {
    const file = proposal.replace(/\.json$/, `-${governor.name}.json`);
    await sign(n, governor, [proposal, "--output", file]);
    return file;
  }));
  return await takeIn(n, voted);
}

/** The maintainer takes votes into the repository, to be published. */
export async function takeIn(n: Network, files: readonly string[]): Promise<Tally> {
  const height = ["--current-height", String(n.height())];
  return counted(n, await n.json(["governance", "vote", ...files, "--repo", n.repo, ...height]));
}

/** A governor signs at home. His daemon tells the network. @param what a file, or which of those he has heard of */
export async function sign(n: Network, { home, key }: GovernorPlace, what: readonly string[]): Promise<Tally> {
  const height = ["--current-height", String(n.height())];
  return counted(n, await n.json(["governance", "vote", ...what, "--key", key, "--home", home, ...height]));
}

function counted(n: Network, { certificate }: { readonly certificate: Tally }): Tally {
  changePlan(n, { votes: { weight: certificate.weight, required: certificate.requiredWeight } });
  return certificate;
}

export function changePlan(n: Network, change: Partial<PlanView>): void {
  const { plan } = n.table();
  if (plan !== null) n.setPlan({ ...plan, ...change });
}

/** Publishes, and waits until governors and nodes trust it, to the last one. */
export async function publish(n: Network): Promise<void> {
  const version = await n.publish();
  await n.until(
    "everybody hears of what was published",
    () => [...n.nodes, ...n.governors].every((who) => n.view(who).timestampVersion >= version),
  );
}

export async function everybodyHas(n: Network, version: string): Promise<void> {
  await n.until(`every node has proven ${version}`, () =>
    n.nodes.every((node) => {
      const { bytes } = n.view(node);
      return bytes?.version === version && bytes.isProven;
    }));
}

/** @returns that it is so, in words */
export async function everybodyRuns(n: Network, version: string): Promise<string> {
  const answers = new Map<NodePlace, string | undefined>();
  await n.until(`every node answers ${version}`, async () => {
    await Promise.all(n.nodes.map(async (node) => answers.set(node, await n.ask(node))));
    return [...answers.values()].every((answer) => answer === version);
  });
  return `${answers.size} of ${n.nodes.length} answer ${version}`;
}

/** @throws Error naming a node that has switched to it, or back from it, another number of times */
export function requireSwitches(n: Network, what: "switches" | "rolledBack", version: string, times: number): void {
  for (const node of n.nodes) {
    const found = n.view(node)[what].filter((x) => (typeof x === "string" ? x : x.version) === version).length;
    mustHold(found === times, `${node.name}: ${what} of ${version}: ${found}, not ${times}`);
  }
}

/** Time is short: blocks come at once, and the last ones at the chain's own pace. */
export async function passTo(n: Network, height: number): Promise<void> {
  const produce = height - WATCHED_BLOCKS - n.height();
  if (produce > 0) await n.order({ produce });
  await n.until(`block ${height}`, () => n.height() >= height);
}

/** Long enough for every node to look at its chain several times: what happens meanwhile must be nothing. */
export async function pause(n: Network): Promise<void> {
  const endMs = performance.now() + PAUSE_MS;
  await n.until("a moment has passed", () => performance.now() >= endMs);
}
