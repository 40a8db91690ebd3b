// The demo: an upgrade that all nodes make at their block, an operator who does it by hand, an upgrade that is cancelled,
// one that is not well and taken back. Design: docs/devnet.md. Each step says what must hold and looks whether it does.
// Must not: start or stop a process of the network.
import { join } from "node:path";
import {
  changePlan,
  everybodyHas,
  everybodyRuns,
  passTo,
  pause,
  propose,
  proposeCancel,
  publish,
  requireSwitches,
  sign,
  takeIn,
  vote,
  WATCHED_BLOCKS,
} from "./moves.ts";
import { FIRST_VERSION, LEAD_BLOCKS, type Network } from "./network.ts";
import { operatorSteps } from "./operator.ts";
import type { Manner } from "./release-files.ts";
import { mustHold, type Step } from "./scenario.ts";

/** From a proposal to its height. */
const BLOCKS_AHEAD = 40;

/** @param show what is shown of a command where somebody looks on */
export function demoSteps(n: Network, show: (...lines: string[]) => void): Step[] {
  return [
    ...startSteps(n),
    ...upgradeSteps(n, "2.0.0"),
    ...operatorSteps(n, "2.0.0", show),
    ...cancelSteps(n, "2.1.0", "2.0.0"),
    ...rollbackSteps(n, "3.0.0", "2.0.0"),
  ];
}

export function startSteps(n: Network): Step[] {
  const act = "the network";
  return [{
    act,
    claim: `every node runs ${FIRST_VERSION}, which the network began with`,
    run: () => everybodyRuns(n, FIRST_VERSION),
  }, {
    act,
    claim: "everybody is connected with his neighbours",
    async run() {
      const isLinked = ([a, b]: readonly [string, string]) =>
        [a, b].every((name) => n.view({ name }).peers >= n.links.filter((link) => link.includes(name)).length);
      await n.until("everybody is connected", () => n.links.every(isLinked));
      return "nodes in a line: what the last one hears has gone through all others";
    },
  }];
}

function upgradeSteps(n: Network, version: string): Step[] {
  const u = upgrade(n, "an upgrade", version);
  const [alice, bob] = n.governors;
  return [
    u.isReleased("well"),
    {
      act: u.act,
      claim: `every node fetches and proves it, and catches the mirror that lies`,
      async run() {
        await everybodyHas(n, version);
        for (const node of n.nodes) {
          const { alerts } = await n.json<Alerts>(["alerts", "--home", node.home]);
          const lies = alerts.filter(({ source, code }) => source.startsWith(n.liar) && code === "E_HASH_MISMATCH");
          mustHold(lies.length > 0, `${node.name} has not caught the mirror that lies`);
          mustHold(lies.length === alerts.length, `${node.name} accuses somebody who did not lie`);
        }
        return `mirror-b, ${n.liar}, is blamed by ${n.nodes.length} of ${n.nodes.length} nodes, and nobody else is`;
      },
    },
    {
      act: u.act,
      claim: "the first vote goes from node to node, and is not enough",
      async run() {
        await u.propose();
        const { status, weight, requiredWeight } = await sign(n, alice, [u.file()]);
        mustHold(status === "voting", `with ${weight} of ${requiredWeight} it is ${status}`);
        await n.until("everybody hears of the vote", () => [...n.nodes, bob].every((who) => n.view(who).votes > 0));
        mustHold(n.nodes.every((node) => n.view(node).staged.length === 0), "somebody takes one vote for approval");
        return `${weight} of ${requiredWeight}: voting goes on`;
      },
    },
    {
      act: u.act,
      claim: "the second governor signs what he has heard of: that is a quorum, though nobody has published it",
      async run() {
        const { status, weight, requiredWeight } = await sign(n, bob, ["--sequence", "1"]);
        mustHold(status === "effective", `with ${weight} of ${requiredWeight} it is ${status}`);
        changePlan(n, { state: "approved" });
        return `${weight} of ${requiredWeight}: ${version} counts from block ${u.height()}`;
      },
    },
    u.isReady(),
    {
      act: u.act,
      claim: "nobody switches before its block",
      async run() {
        await n.order({ haltAt: u.height() - 1 });
        await passTo(n, u.height() - 2);
        await pause(n);
        requireSwitches(n, "switches", version, 0);
        return `block ${u.height() - 2} is final: ${await everybodyRuns(n, FIRST_VERSION)}`;
      },
    },
    {
      act: u.act,
      claim: "at its block everybody switches, once",
      async run() {
        await n.order({ haltAt: null });
        await n.until("every node has switched", () => n.nodes.every((node) => n.view(node).switches.length > 0));
        const answers = await everybodyRuns(n, version);
        requireSwitches(n, "switches", version, 1);
        return answers;
      },
    },
    {
      act: u.act,
      claim: "the votes are published, for those who were not there",
      async run() {
        const file = join(n.folder, "heard.json");
        const heard = ["--sequence", "1", "--output", file, "--home", n.maintainer.home];
        await n.dchat(["governance", "vote", ...heard]);
        const { status, weight } = await takeIn(n, [file]);
        mustHold(status === "effective", `from the maintainer's home it is ${status}`);
        await publish(n);
        return `${weight} votes, as the maintainer's node has heard of them`;
      },
    },
  ];
}

interface Alerts {
  readonly alerts: readonly { readonly source: string; readonly code: string }[];
}

function cancelSteps(n: Network, version: string, running: string): Step[] {
  const u = upgrade(n, "a cancelled upgrade", version);
  return [
    u.isReleased("well"),
    u.isApproved([0, 1]),
    u.isReady(),
    {
      act: u.act,
      claim: "the governors cancel it, and every node hears of it",
      async run() {
        const { file, sequence } = await proposeCancel(n);
        const { status } = await vote(n, file, n.governors.slice(0, 2));
        mustHold(status === "effective", `the cancellation is ${status}`);
        await publish(n);
        changePlan(n, { state: "cancelled" });
        return `certificate ${sequence} has no effect any more`;
      },
    },
    {
      act: u.act,
      claim: "its block passes, and nobody switches",
      async run() {
        await n.order({ haltAt: null });
        await passTo(n, u.height() + 2);
        await pause(n);
        requireSwitches(n, "switches", version, 0);
        return `block ${u.height() + 2}: ${await everybodyRuns(n, running)}`;
      },
    },
  ];
}

function rollbackSteps(n: Network, version: string, before: string): Step[] {
  const u = upgrade(n, "an upgrade that is ill", version);
  return [
    u.isReleased("ill"),
    u.isApproved([1, 2]),
    u.isReady(),
    {
      act: u.act,
      claim: "at its block everybody tries it, finds it ill and takes it back",
      async run() {
        await n.order({ haltAt: null });
        await passTo(n, u.height() - WATCHED_BLOCKS);
        await n.until(
          "every node has taken it back",
          () => n.nodes.every((node) => n.view(node).rolledBack.includes(version)),
        );
        return await everybodyRuns(n, before);
      },
    },
    {
      act: u.act,
      claim: "nobody tries it again",
      async run() {
        await passTo(n, u.height() + 3);
        await pause(n);
        requireSwitches(n, "rolledBack", version, 1);
        await Promise.all(n.nodes.map(async ({ name, home }) => {
          const { failed } = await n.json<{ failed: { version: string }[] }>(["status", "--offline", "--home", home]);
          mustHold(failed.some((f) => f.version === version), `${name} has forgotten that ${version} failed`);
        }));
        return await everybodyRuns(n, before);
      },
    },
  ];
}

/** The steps that every upgrade begins with. */
function upgrade(n: Network, act: string, version: string) {
  let height = 0, file = "";

  /** The chain waits before it is too late to approve: a slow machine must not change what happens. */
  async function proposed(): Promise<void> {
    height = n.height() + BLOCKS_AHEAD;
    await n.order({ haltAt: height - LEAD_BLOCKS - 2 });
    file = await propose(n, version, height);
  }

  return {
    act,
    height: () => height,
    file: () => file,
    propose: proposed,
    isReleased: (manner: Manner): Step => ({
      act,
      claim: `${version} is released, and every node hears of it from its neighbour`,
      async run() {
        n.setPlan({ version, activationHeight: null, votes: null, state: "released" });
        await n.add(version, manner);
        await publish(n);
        const last = n.nodes.at(-1);
        return last === undefined ? "" : `${last.name} heard of it from ${n.view(last).heard?.from}`;
      },
    }),
    /** @param voters by their places in the list of governors */
    isApproved: (voters: readonly number[]): Step => ({
      act,
      claim: "with a quorum it is approved, and every node hears of it",
      async run() {
        if (file === "") await proposed();
        const tally = await vote(n, file, n.governors.filter((_, i) => voters.includes(i)));
        const { status, weight, requiredWeight } = tally;
        mustHold(status === "effective", `with ${weight} of ${requiredWeight} it is ${status}`);
        await publish(n);
        changePlan(n, { state: "approved" });
        return `${weight} of ${requiredWeight}: ${version} counts from block ${height}`;
      },
    }),
    isReady: (): Step => ({
      act,
      claim: "every node has it ready, long before, and waits",
      async run() {
        await n.until(
          `every node has ${version} ready`,
          () => n.nodes.every((node) => n.view(node).staged.includes(version)),
        );
        return `ready for block ${height} at block ${n.height()}`;
      },
    }),
  };
}
