// What governors have approved is made ready long before its height: fetched from mirrors and peers, proven, unpacked,
// tried out, and proven again now and then. Design: "The network half" of docs/activation.md.
// Must not: execute anything before its certificate holds, hold up a switch, or fail quietly while there is time.
import type { Artifact, LocalFile, Verified } from "../../api.ts";
import { readCurrent } from "../../activate/current.ts";
import type { Decision, Step } from "../../activate/decide/decide.ts";
import { permissionOf } from "../../activate/decide/permission.ts";
import { tryOut } from "../../activate/stage/preflight.ts";
import type { StagedVersion } from "../../activate/stage/staged-version.ts";
import { homeAt } from "../../config/home.ts";
import { asUpdateError, isIntegrityError, UpdateError } from "../../errors.ts";
import { approvedUpgrades } from "../../trust/effect.ts";
import { listReleases } from "../../trust/releases.ts";
import { alert } from "../alert.ts";
import { type ActivationSession, keptHeight, openActivation } from "../activation.ts";
import type { Arguments } from "../command.ts";
import type { Context } from "../context.ts";
import { decideFor } from "../decision.ts";
import type { Preflight } from "../preflight-options.ts";
import { offlineClock } from "../session.ts";
import type { Bell } from "./daemon-bell.ts";
import type { BackgroundFetch } from "./daemon-fetch.ts";
import type { DaemonLog } from "./daemon-log.ts";
import { isLoud, QUIET_FAILURES } from "./loud-failure.ts";
import { whileWanted } from "./while-wanted.ts";

/** As soon as it is possible, and no burden to those who do not have it. */
const FIRST_RETRY_MS = 2_000;
const MAX_RETRY_MS = 60_000;
/** A trial may be long, and what did not pass it mostly does not pass it a minute later. */
const MAX_TRIAL_RETRY_MS = 600_000;
/** What is ready is measured again so often: a damaged disk is to be found while there is time. */
const PROVE_MS = 600_000;
/** How often is said again what waits for a person. */
const REMIND_MS = 3_600_000;

export interface Stager {
  /** Runs until the signal. Never throws. */
  run(): Promise<void>;
  /** Undefined when all that is approved is ready; what keeps it from knowing that is one too. */
  problem(): string | undefined;
}

export interface StagerOptions {
  readonly fetch: BackgroundFetch;
  readonly bell: Bell;
  /** Rung with the other one: what is approved or wanted may have changed, also while something is being fetched. */
  readonly changes: Bell;
  readonly log: DaemonLog;
  readonly preflight: Preflight | undefined;
  /** All that can be ready now is: there is room for what is less urgent. */
  readonly onLooked: () => void;
}

interface Plan {
  readonly s: ActivationSession;
  readonly height: number | null;
  /** False: what is approved is told, and nothing is done. */
  readonly isAllowed: boolean;
  readonly prepare: Decision["prepare"];
}

interface Failure {
  readonly count: number;
  readonly error: UpdateError;
}

export function createStager(c: Context, a: Arguments, o: StagerOptions): Stager {
  const { fetch, bell, changes, log, preflight } = o;
  /** Of what could not be made ready, by digest. */
  let failures = new Map<string, Failure>();
  let problem: string | undefined;
  /** Why the last look came to nothing. */
  let blind: UpdateError | undefined;
  let reminded = { text: "", atMs: -Infinity };
  let provedAtMs = -Infinity;

  /** What is to be made ready by what is known now. */
  async function plan(now: Context): Promise<Plan> {
    const s = await openActivation(now, a);
    const height = await keptHeight(s.home, s.state) ?? null;
    const isAllowed = s.config.autoUpdate.enabled && s.config.autoUpdate.backgroundDownload;
    const { prepare } = await decideFor(s, s.state, { height, latest: null, haltedFor: null });
    return { s, height, isAllowed, prepare };
  }

  /** @returns how long to wait for the next look */
  async function look(now: Context): Promise<number> {
    const planned = await plan(now), { isAllowed, prepare } = planned;
    log.unready(prepare.length);
    failures = new Map([...failures].filter(([key]) => prepare.some((step) => keyOf(step) === key)));
    if (!isAllowed) remind(prepare);
    for (const step of isAllowed ? prepare : []) {
      if (!await tryStep(now, planned, step)) return 0; // looked at anew
    }
    if (isAllowed && performance.now() - provedAtMs >= PROVE_MS) await proveAll(now, planned);
    if (isAllowed) log.unready(failures.size); // the next look may be minutes away
    problem = told(failures);
    return waitFor(failures);
  }

  /** @returns false when it was given up, because something else is to be done */
  async function tryStep(now: Context, planned: Plan, step: Step): Promise<boolean> {
    const { s, height, prepare } = planned;
    const key = keyOf(step), before = failures.get(key), known = new Set(prepare.map(keyOf));
    /** It is still to be made ready, and nothing that was not known comes before it. */
    async function isNext(): Promise<boolean> {
      const later = await plan({ ...now, nowMs: Date.now() }), keys = later.prepare.map(keyOf), at = keys.indexOf(key);
      if (!known.has(key)) return later.isAllowed; // it lies here damaged, and is in no plan
      return later.isAllowed && at >= 0 && keys.slice(0, at).every((k) => known.has(k));
    }
    try {
      const artifact = artifactOf(now, s, step);
      permissionOf(s.state, artifact); // nothing of it is run below that is not approved
      const got = await whileWanted(
        now.signal,
        changes,
        isNext,
        async (signal) => await fetch({ ...now, signal }, s, artifact),
      );
      if (got === undefined) return false;
      await stage(now, s, artifact, got.file, preflight);
      failures.delete(key);
      log.staged(artifact, step.activationHeight, height);
    } catch (e) {
      if (now.signal.aborted) return true;
      const error = asUpdateError(e), count = (before?.count ?? 0) + 1;
      failures.set(key, { count, error });
      log.failure("staging", wrapped(step, error));
      const isNew = before?.error.code !== error.code;
      if (isLoud(error) ? isNew : count === QUIET_FAILURES) await alert(now, s.home, "staging", step.version, error);
    }
    return true;
  }

  /** What lies ready must still be what it was when its time comes; what is not is made anew at the next look. */
  async function proveAll(now: Context, planned: Plan): Promise<void> {
    const { s } = planned;
    provedAtMs = performance.now();
    for (const staged of await upcoming(s)) {
      try {
        await s.staging.prove(staged, staged, now);
      } catch (e) {
        if (now.signal.aborted) return;
        const error = asUpdateError(e);
        log.failure("staging", error);
        await alert(now, s.home, "staging", staged.version, error);
        const step = { version: staged.version, artifacts: [staged], activationHeight: null };
        if (isIntegrityError(error)) await tryStep(now, planned, { step: "stage", ...step });
      }
    }
  }

  /** Who does not want it done by itself is told what to type, and told again. */
  function remind(prepare: Decision["prepare"]): void {
    const versions = prepare.map((step) => `${step.version}${from(step.activationHeight)}`).join(", ");
    const isSaid = versions === reminded.text && performance.now() - reminded.atMs < REMIND_MS;
    if (versions !== "" && !isSaid) log.upcoming(versions);
    reminded = isSaid ? reminded : { text: versions, atMs: performance.now() };
  }

  /** Without a look nobody knows what is approved and not ready. Said once: it is tried again for ever. */
  async function lookFailed(now: Context, error: UpdateError): Promise<void> {
    const { code, message } = error, before = blind;
    blind = error;
    problem = `it cannot be told what is approved and not ready: ${code}: ${message}`;
    if (before?.message !== message) log.failure("staging", error);
    if (before?.code !== code) await alert(now, homeAt(now.home), "staging", "what is approved", error);
  }

  return {
    problem: () => problem,
    async run() {
      let isNews = true;
      while (!c.signal.aborted) {
        const now = { ...c, nowMs: Date.now() };
        let waitMs = MAX_RETRY_MS;
        try {
          waitMs = await look(now);
          blind = undefined;
        } catch (e) {
          if (c.signal.aborted) return;
          await lookFailed(now, asUpdateError(e));
        }
        if (isNews) o.onLooked();
        isNews = await bell.wait(waitMs, c.signal);
      }
    },
  };
}

const keyOf = ({ artifacts, version }: Step): string => artifacts[0]?.sha256 ?? version;
const from = (height: number | null): string => height === null ? "" : ` from block ${height} on`;

function wrapped({ version, activationHeight }: Step, cause: UpdateError): UpdateError {
  const message = `${version}, approved${from(activationHeight)}, is not ready to run here: ${cause.message}`;
  return new UpdateError(cause.code, message, { cause, ...(cause.hint === undefined ? {} : { hint: cause.hint }) });
}

function told(failures: ReadonlyMap<string, Failure>): string | undefined {
  const told = [...failures.values()].filter(({ count, error }) => isLoud(error) || count >= QUIET_FAILURES);
  const [first] = told;
  if (first === undefined) return undefined;
  const { code, message } = first.error;
  return `${told.length} approved ${told.length === 1 ? "version is" : "versions are"} not ready: ${code}: ${message}`;
}

function waitFor(failures: ReadonlyMap<string, Failure>): number {
  const waits = [...failures.values()].map(({ count, error }) =>
    Math.min(FIRST_RETRY_MS * 2 ** (count - 1), error.code === "E_SWITCH_FAILED" ? MAX_TRIAL_RETRY_MS : MAX_RETRY_MS)
  );
  // Spread out: a network that hears of a release together must not ask together again and again.
  return Math.min(PROVE_MS, ...waits) * (0.75 + 0.5 * Math.random());
}

/** What is signed of a step: the program of this platform. @throws UpdateError E_NO_RELEASE */
function artifactOf(c: Context, s: ActivationSession, { version, artifacts }: Step): Verified<Artifact> {
  // What has expired is as true as before: expiry limits learning.
  const released = listReleases(s.state, offlineClock(c)).artifacts;
  const fitting = released.filter((r) => artifacts.some((x) => x.path === r.path && x.sha256 === r.sha256));
  const artifact = fitting.find((r) => r.packageType === "binary") ?? fitting[0];
  if (artifact !== undefined) return artifact;
  throw new UpdateError("E_NO_RELEASE", `${version} is not among the signed releases any more`);
}

async function stage(
  c: Context,
  s: ActivationSession,
  artifact: Verified<Artifact>,
  file: Verified<LocalFile>,
  preflight: Preflight | undefined,
): Promise<void> {
  await s.staging.stage(artifact, file.file, {
    signal: c.signal,
    tryOut: preflight === undefined
      ? undefined
      : (draft) => tryOut(draft, { ...preflight, env: c.env, signal: c.signal }),
  });
}

/** Approved versions that lie ready and come after what runs. */
async function upcoming({ home, state, staging }: ActivationSession): Promise<StagedVersion[]> {
  const position = (await readCurrent(home))?.activationHeight ?? 0;
  const open = approvedUpgrades(state).filter((u) => u.activation.activationHeight > position);
  const all = await staging.list();
  return all.filter(({ path, sha256 }) => open.some((u) => u.activation.targets.get(path)?.sha256 === sha256));
}
