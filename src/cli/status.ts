// status: what runs, what is installed, what is on its way, and what comes next. Design: docs/cli.md.
// Must not: change anything but what is kept of the chain's height, or ask anybody but the node's own chain.
import { readCurrent, readFailed } from "../activate/current.ts";
import { firstHeightFor } from "../activate/decide/permission.ts";
import { endOf, type Journal, readJournal } from "../activate/switch.ts";
import { approvedUpgrades, switchObstacles } from "../trust/effect.ts";
import { openActivation } from "./activation.ts";
import { chainJson, type ChainView, viewChain } from "./chain.ts";
import { type PlanView, planWords, viewPlan } from "./chain-plan.ts";
import { type Arguments, type Command, NETWORK_OPTIONS } from "./command.ts";
import type { Context } from "./context.ts";
import { decideFor, decisionJson, reasonLine } from "./decision.ts";
import { currentHeight, HEIGHT_OPTION } from "./height-option.ts";
import { loadKnownMirrors } from "./known-mirrors.ts";
import { mirrorLines, viewMirrors } from "./mirror-view.ts";
import { viewNetwork } from "./network-view.ts";
import { table } from "./output.ts";
import { alertLines } from "./session.ts";

export const statusCommand: Command = {
  name: "status",
  summary: "show what runs, what is installed and what comes next",
  options: {
    ...HEIGHT_OPTION,
    offline: { type: "boolean", help: "do not ask the chain: only what is kept of it" },
    ...NETWORK_OPTIONS,
  },
  async run(c, a) {
    const status = await viewStatus(c, a);
    return { lines: statusLines(c, status), json: statusJson(status) };
  },
};

/** All that is shown. */
async function viewStatus(c: Context, a: Arguments) {
  const session = await openActivation(c, a), { home, state, staging, config } = session;
  const chain = await viewChain(c, a, session, !a.flag("offline"));
  const height = chain.height === null ? currentHeight(a) : Math.max(chain.height, currentHeight(a) ?? 0);
  const decision = await decideFor(session, state, {
    height: height ?? null,
    latest: chain.state?.latest ?? null,
    haltedFor: null,
  });
  const current = await readCurrent(home), journal = await readJournal(home);
  const staged = await staging.list(), failed = await readFailed(home);
  const upgrades = approvedUpgrades(state);
  const now = upgrades.findLastIndex((u) => u.activation.version === current?.version);
  const coming = upgrades.slice(now + 1)
    .filter((u) => height === undefined || u.activation.activationHeight > height)
    .map((u) => ({ ...u, isStaged: staged.some((s) => s.version === u.activation.version) }));
  const obstacles = switchObstacles(state), alerts = await alertLines(c, home);
  const network = await viewNetwork(c, home, state);
  const mirrors = await viewMirrors(c, home, config, await loadKnownMirrors(home, config, state));
  const { pin, autoRestart } = config.autoUpdate;
  const plan = viewPlan(chain.state?.plan, state);
  return {
    chain,
    height,
    decision,
    current,
    journal,
    staged,
    failed,
    coming,
    obstacles,
    alerts,
    network,
    mirrors,
    pin,
    autoRestart,
    plan,
  };
}

type Status = Awaited<ReturnType<typeof viewStatus>>;
type ComingUpgrade = Status["coming"][number];

function statusLines(c: Context, v: Status): string[] {
  const { current, journal, chain } = v;
  return [
    current === undefined ? "nothing is activated yet; see: dchat-update install" : c.out.line(
      "ok",
      `${current.version} is what runs${current.since === undefined ? "" : ` since ${current.since}`}`,
    ),
    ...(journal === undefined ? [] : [c.out.line("warning", switchingWords(journal))]),
    ...(v.staged.length === 0
      ? []
      : ["Installed:", ...table(v.staged.map((s) => [s.version, s.upgradeType, s.program]))]),
    ...chainLines(c, chain, v.plan),
    ...v.decision.why.filter((r) => r.code !== "obstacle").map((r) => {
      const line = reasonLine(r, chain.state?.blockTimeMs ?? null);
      if (r.code === "would-fork") return c.out.line("alert", line);
      return r.code === "waits-for-operator" ? c.out.line("warning", line) : `decided: ${line}`;
    }),
    ...v.coming.flatMap((u) => comingLines(c, u, v.height)),
    ...v.failed.map((f) =>
      c.out.line("failed", `${f.version} is not tried again${atHeight(f.activationHeight)}: ${f.why}`)
    ),
    ...v.obstacles.map((e) => c.out.line("alert", `${e.code}: ${e.message}; this node switches to nothing`)),
    ...(v.pin === undefined ? [] : [`held at ${v.pin} by the configuration`]),
    ...v.network.lines,
    ...mirrorLines(c, v.mirrors),
    ...v.alerts.lines,
  ];
}

/** Under the names the schema has. */
function statusJson(v: Status): Record<string, unknown> {
  const { current, journal, height } = v;
  return {
    current: current === undefined ? null : {
      version: current.version,
      sha256: current.sha256 ?? null,
      since: current.since ?? null,
      activationHeight: current.activationHeight ?? null,
      previousVersion: current.previous?.version ?? null,
    },
    chain: { ...chainJson(v.chain), plan: v.plan },
    decision: decisionJson(v.decision),
    switching: journal === undefined ? null : {
      fromVersion: journal.from?.version ?? null,
      toVersion: journal.to.version,
      end: endOf(journal, current),
    },
    installed: v.staged.map(({ version, upgradeType, program, length, sha256 }) => ({
      version,
      upgradeType,
      program,
      lengthBytes: length,
      sha256,
    })),
    coming: v.coming.map((u) => ({
      version: u.activation.version,
      sequence: u.sequence,
      upgradeType: u.activation.upgradeType,
      activationHeight: u.activation.activationHeight,
      firstHeight: firstHeightFor(u),
      blocksLeft: height === undefined ? null : Math.max(0, firstHeightFor(u) - height),
      installed: u.isStaged,
    })),
    failed: v.failed.map((f) => ({ ...f, activationHeight: f.activationHeight ?? null })),
    obstacles: v.obstacles.map((e) => ({ code: e.code, message: e.message })),
    pin: v.pin ?? null,
    autoRestart: v.autoRestart,
    ...v.network.json,
    mirrors: v.mirrors.json,
    alerts: v.alerts.json,
  };
}

function switchingWords({ from, to }: Journal): string {
  return `a switch from ${from?.version ?? "nothing"} to ${to.version} was cut short or is on its way`;
}

function chainLines(c: Context, v: ChainView, plan: PlanView | null): string[] {
  const isWell = v.status === "ok" || v.status === "syncing";
  const shown = `chain: ${v.status === "ok" || v.state === undefined ? "" : `${v.status}: `}${v.words}`;
  return [
    isWell || v.state === undefined ? shown : c.out.line("warning", shown),
    ...(plan === null
      ? []
      : [plan.sequence === null ? c.out.line("warning", planWords(plan)) : `   ${planWords(plan)}`]),
  ];
}

const atHeight = (height: number | undefined) => height === undefined ? "" : ` at block ${height}`;

function comingLines(c: Context, u: ComingUpgrade, height: number | undefined): string[] {
  const { version, upgradeType, activationHeight } = u.activation;
  const first = firstHeightFor(u);
  const left = height === undefined ? "" : first > height ? `, ${first - height} blocks from now` : ", which is now";
  return [
    c.out.line(
      "package",
      `${version} (${upgradeType}) counts from block ${activationHeight}; switch from ${first}${left}`,
    ),
    `   ${
      u.isStaged
        ? `installed; by hand when it is time: dchat-update activate --version ${version} --current-height N`
        : `not installed yet: dchat-update install --version ${version}`
    }`,
  ];
}
