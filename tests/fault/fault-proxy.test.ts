// A download through a proxy that breaks, delays and falsifies what passes, as random seeds have it: it ends with the
// proven file or with an exit code of the table, and with one honest mirror beside the proxy always with the file.
// One seed again: DCHAT_FAULT_SEED=7. More of them: DCHAT_FAULT_SEEDS=500.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import process from "node:process";
import { testBytes } from "../support/artifact.ts";
import type { Outcome } from "../support/bundled-cli.ts";
import { requireError, requireProvenPackages } from "../support/caught.ts";
import { type FaultPlan, type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { type FaultName, FAULTS } from "../support/faults.ts";
import { type Operator, QUICK_TIMEOUTS } from "../support/operator.ts";
import { nameOf } from "../support/release-repository.ts";
import { createRelease, createStage } from "../support/scene.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { ERROR_CODES, type ErrorCode } from "../../src/errors.ts";

const SEEDS = process.env["DCHAT_FAULT_SEED"]?.split(",") ??
  Array.from({ length: Number(process.env["DCHAT_FAULT_SEEDS"] ?? 14) }, (_, i) => String(i));
const DOWNLOAD = ["download", "--version", "1.0.0", "--platform", "linux-x64"] as const;

const stage = await createStage();
const { repository } = await createRelease("fault proxy", testBytes(6_500_000, "faulty"));
stage.honest.serve(repository.files());

interface Road {
  readonly proxy: FaultProxy;
  /** Who has run `init` and nothing else. */
  readonly base: Operator;
}
/** With the proxy as the only mirror, and with the honest mirror as another. */
let alone: Road, together: Road;
const proxies: FaultProxy[] = [];
before(async () => {
  const { honest } = stage, { pinnedRoot } = repository;
  const road = async (...others: string[]): Promise<Road> => {
    const proxy = await startFaultProxy(honest.url);
    proxies.push(proxy);
    return { proxy, base: await stage.operator({ pinnedRoot, mirrors: [proxy.url, ...others] }) };
  };
  [alone, together] = await Promise.all([road(), road(honest.url)]);
});
after(() => Promise.all(proxies.map((proxy) => proxy.close())));

function planOf(seed: string): FaultPlan {
  const random = seededRandom(`plan ${seed}`);
  const kinds = random.sample(Object.keys(FAULTS) as FaultName[], 1 + random.below(5)); // the keys are the names
  return { seed, kinds, probability: random.pick([0.1, 0.3, 0.6, 1]), metadataToo: random.chance(0.25) };
}

async function download({ proxy, base }: Road, plan: FaultPlan, ...more: string[]) {
  proxy.begin(plan);
  const operator = await stage.operator({ pinnedRoot: repository.pinnedRoot, like: base });
  return { operator, outcome: await operator.run(...DOWNLOAD, ...more) };
}

function requirePlaced(operator: Operator, { code, stderr }: Outcome): void {
  assert.equal(code, 0, stderr);
  const { packages } = operator.snapshot();
  assert.deepEqual([...packages.keys()], [nameOf("1.0.0")]);
  requireProvenPackages(packages, repository.digests);
}

/** Only the proxy is accused, and only when it did what deserves it. */
function requireFairAlerts({ proxy }: Road, operator: Operator): void {
  const { alerts } = operator.snapshot();
  assert.deepEqual(alerts.filter((a) => a.source !== proxy.url), [], "somebody else was accused");
  if (proxy.done.every(({ fault }) => !FAULTS[fault].isLie)) assert.deepEqual(alerts, [], "an alert without a lie");
}

/** The proven file, or what the table of exit codes has for the network and for lies; then no file. */
function requireEnd(operator: Operator, outcome: Outcome): void {
  if (outcome.code === 0) return requirePlaced(operator, outcome);
  const name = (/^error (E_[A-Z_]+): /m.exec(outcome.stderr)?.[1] ?? "") as ErrorCode; // checked on the next line
  const { exit } = ERROR_CODES[name] ?? {};
  assert.ok(exit !== undefined && exit >= 20 && exit < 40, `ended with ${outcome.code}: ${outcome.stderr}`);
  requireError(outcome, name);
  assert.equal(operator.snapshot().packages.size, 0, "something unproven has a name");
}

for (const seed of SEEDS) {
  const plan = planOf(seed);
  test(`seed ${seed}: whatever a proxy does (${plan.kinds.join(", ")}), no wrong file, nobody else blamed`, async () => {
    const [lonely, lucky] = await Promise.all([download(alone, plan, ...QUICK_TIMEOUTS), download(together, plan)]);
    const told: unknown[] = [lonely.outcome, alone.proxy.done, lucky.outcome, together.proxy.done];
    try {
      requireEnd(lonely.operator, lonely.outcome);
      requireFairAlerts(alone, lonely.operator);
      requirePlaced(lucky.operator, lucky.outcome);
      requireFairAlerts(together, lucky.operator);

      alone.proxy.begin(undefined);
      const again = await lonely.operator.run(...DOWNLOAD);
      told.push("and then, honestly:", again);
      requirePlaced(lonely.operator, again);
    } catch (e) {
      console.error(`DCHAT_FAULT_SEED=${seed}: ${JSON.stringify(plan)}`, ...told);
      throw e;
    } finally {
      lonely.operator.close();
      lucky.operator.close();
    }
  });
}
