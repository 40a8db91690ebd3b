// Brings trust up to date from mirrors that may lie, lag or be dead. Design: "Trust in detail"; TUF 5.3–5.6.
// All decisions are trust/'s; this file only asks, in an order in which no single mirror can end the asking.
// Must not: open sockets or files itself, believe a mirror about another one.
import type { Mirror, Opts } from "../api.ts";
import { AllSourcesFailedError, asUpdateError, type FailedAttempt, isIntegrityError, UpdateError } from "../errors.ts";
import {
  acceptRoot,
  acceptSnapshot,
  acceptTargets,
  acceptTimestamp,
  type Clock,
  requireFreshRoot,
  type TrustState,
  wantedSnapshot,
  wantedTargets,
} from "../trust/client.ts";
import { MAX_METADATA_BYTES } from "../trust/metadata.ts";
import type { NeededRole } from "../trust/search.ts";
import { type MirrorReport, MirrorReports } from "./mirror-reports.ts";
import { fetchSchedule } from "./refresh-schedule.ts";

/** Roots accepted in one refresh (TUF 5.3.3 asks for a bound): a root a week for five years. */
const MAX_ROOT_STEPS = 256;
/** Once one mirror has answered, the others get this long: a silent mirror must not hold everybody up. */
const GRACE_MS = 3000;

export interface RefreshOptions extends Opts {
  readonly mirrors: readonly Mirror[];
  readonly clock: Clock;
  /** Where metadata files live below a mirror: "metadata/" in a release repository, "" where the URL names the folder. */
  readonly prefix: string;
  /** True where the mirrors have a schedule beside the metadata. */
  readonly schedule?: boolean;
  /** The roles to load besides the top-level ones: asked again after each until it has none. */
  readonly nextRole: (state: TrustState) => NeededRole | undefined;
  /** Called whenever more is trusted than before. Incomplete states lack what the next step fetches. */
  readonly save: (state: TrustState, step: "incomplete" | "complete") => Promise<void>;
  /** Called for every file that does not verify; staleness is no lie and not reported here. */
  readonly onRefused?: (mirror: string, error: UpdateError, file: string) => Promise<void>;
  /** Called once, however the refresh ends: one report a mirror, in the order they were given. */
  readonly onReports?: (reports: readonly MirrorReport[]) => void;
}

export interface RefreshResult {
  readonly state: TrustState;
  /** One a mirror, in the order they were given. */
  readonly mirrors: readonly MirrorReport[];
  /** E_WITHHELD when the snapshot names certificates that no mirror gave. */
  readonly scheduleError: UpdateError | undefined;
}

/** As a file name or URL part: everything but letters, digits and `_.-~` is percent-encoded. */
export function quoteRole(name: string): string {
  return encodeURIComponent(name).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/**
 * The TUF client workflow over several mirrors.
 * @throws UpdateError when no mirror could bring the state up to date; what was accepted until then has been saved
 */
export async function refreshTrust(initial: TrustState, o: RefreshOptions): Promise<RefreshResult> {
  const r = new Refresh(initial, o);
  let scheduleError: UpdateError | undefined;
  try {
    await r.roots();
    requireFreshRoot(r.state, o.clock);
    await r.newest();
    if (o.schedule === true) scheduleError = await r.certificates();
  } finally {
    o.onReports?.(r.reports.all());
  }
  return { state: r.state, mirrors: r.reports.all(), scheduleError };
}

/**
 * Fetches single targets roles on demand, for readers who look one path up in a large repository.
 * @throws UpdateError
 */
export async function loadRole(state: TrustState, role: NeededRole, o: RefreshOptions): Promise<TrustState> {
  return await new Refresh(state, o).role(state, role, o.mirrors);
}

/** What one mirror's file made of the trusted state, or why it made nothing. */
interface Answer {
  readonly mirror: Mirror;
  readonly answer: TrustState | UpdateError;
}

interface Accepted {
  readonly mirror: Mirror;
  readonly state: TrustState;
}

class Refresh {
  state: TrustState;
  readonly reports: MirrorReports;
  readonly #o: RefreshOptions;
  /** Mirrors without a root that others have: what a rotated key signed is then old, not forged. */
  readonly #lackRoot = new Set<Mirror>();

  constructor(state: TrustState, o: RefreshOptions) {
    this.state = state;
    this.#o = o;
    this.reports = new MirrorReports(o.mirrors);
  }

  async roots(): Promise<void> {
    for (let step = 0; step < MAX_ROOT_STEPS; step++) {
      const path = `${this.state.root.signed.version + 1}.root.json`;
      const answers = await this.#askAll(path, MAX_METADATA_BYTES.root, (bytes) => acceptRoot(this.state, bytes));
      const { accepted: [first], failed } = await this.#sort(answers, path);
      if (first === undefined) {
        // "Not there" from anyone is how the chain of roots ends; nobody saying so is a failed update.
        if (failed.some((f) => f.error.code === "E_ABSENT")) return;
        throw new AllSourcesFailedError(`no mirror gave an acceptable answer for ${path}`, failed);
      }
      this.state = first.state;
      for (const { mirror, answer } of answers) {
        if (answer instanceof UpdateError && answer.code === "E_ABSENT") this.#markWithoutRoot(mirror, path);
      }
      await this.#o.save(first.state, "incomplete");
    }
    throw new UpdateError("E_MALFORMED", `more than ${MAX_ROOT_STEPS} new roots`, { clause: "TUF 5.3.3" });
  }

  /** Others have a root that this mirror lacks or withholds. */
  #markWithoutRoot(mirror: Mirror, path: string): void {
    this.#lackRoot.add(mirror);
    if (this.reports.faultOf(mirror) !== undefined) return;
    const error = new UpdateError("E_STALE", `it does not have ${path}, others do`, { source: mirror.id });
    this.reports.setFault(mirror, "stale", error);
  }

  /** Takes the newest timestamp whose snapshot and targets somebody can supply. */
  async newest(): Promise<void> {
    const path = "timestamp.json";
    const accept = (bytes: Uint8Array) => acceptTimestamp(this.state, bytes, this.#o.clock);
    const answers = await this.#askAll(path, MAX_METADATA_BYTES.timestamp, accept);
    const { accepted: candidates, failed } = await this.#sort(answers, path);
    const version = (s: TrustState) => s.timestamp?.signed.version ?? 0;
    for (const { mirror, state } of candidates) this.reports.setTimestamp(mirror, version(state));
    candidates.sort((a, b) => version(b.state) - version(a.state)); // stable: mirrors keep their order
    const tried = new Set<number>();
    for (const { state, mirror } of candidates) {
      if (tried.has(version(state))) continue;
      tried.add(version(state));
      try {
        // Whoever gave this timestamp is the likeliest to have what it names.
        this.state = await this.#complete(state, [mirror, ...this.#o.mirrors.filter((m) => m !== mirror)]);
        this.#markBehind(candidates, version(state));
        return;
      } catch (e) {
        const error = asUpdateError(e);
        if (error.retry !== "elsewhere") throw error;
        failed.push({ source: mirror.id, error });
      }
    }
    throw new AllSourcesFailedError("no mirror could bring the metadata up to date", failed);
  }

  /** Mirrors whose timestamp is genuine but older than the newest one are stale, whatever this node knew before. */
  #markBehind(candidates: readonly Accepted[], newest: number): void {
    for (const { state, mirror } of candidates) {
      const version = state.timestamp?.signed.version ?? 0;
      if (version >= newest || this.reports.faultOf(mirror) !== undefined) continue;
      const message = `its timestamp is version ${version}, the newest is ${newest}`;
      const error = new UpdateError("E_STALE", message, { source: mirror.id });
      this.reports.setFault(mirror, "stale", error);
    }
  }

  /** After the metadata, so that a withheld certificate takes nothing else away. */
  async certificates(): Promise<UpdateError | undefined> {
    const { mirrors, save } = this.#o;
    const { state, error } = await fetchSchedule(
      this.state,
      (path, maxBytes, accept) => this.#askInTurn(mirrors, path, maxBytes, accept, ""),
    );
    if (state !== this.state) await save(state, "complete");
    this.state = state;
    return error;
  }

  async #complete(from: TrustState, mirrors: readonly Mirror[]): Promise<TrustState> {
    const { clock, save, nextRole } = this.#o;
    let state = from;
    if (state !== this.state) await save(state, "incomplete");
    const wanted = wantedSnapshot(state, clock);
    if (!wanted.present) {
      const max = Math.min(wanted.meta.length ?? Infinity, MAX_METADATA_BYTES.snapshot);
      const path = `${versionPrefix(state, wanted.meta.version)}snapshot.json`;
      state = await this.#askInTurn(mirrors, path, max, (bytes) => acceptSnapshot(state, bytes, clock));
      await save(state, "incomplete");
    }
    const top: NeededRole = { name: "targets", parent: "root" };
    if (!wantedTargets(state, top.name, top.parent, clock).present) state = await this.role(state, top, mirrors);
    for (let next = nextRole(state); next !== undefined; next = nextRole(state)) {
      state = await this.role(state, next, mirrors);
    }
    await save(state, "complete");
    return state;
  }

  async role(state: TrustState, { name, parent }: NeededRole, mirrors: readonly Mirror[]): Promise<TrustState> {
    const { clock, save } = this.#o;
    const { meta } = wantedTargets(state, name, parent, clock);
    const max = Math.min(meta.length ?? Infinity, MAX_METADATA_BYTES.targets);
    const path = `${versionPrefix(state, meta.version)}${quoteRole(name)}.json`;
    const next = await this.#askInTurn(mirrors, path, max, (bytes) => acceptTargets(state, name, parent, bytes, clock));
    await save(next, "incomplete");
    return next;
  }

  /** One mirror after another until one gives something acceptable; those that gave nothing before come last. */
  async #askInTurn(
    mirrors: readonly Mirror[],
    path: string,
    maxBytes: number,
    accept: (bytes: Uint8Array) => TrustState,
    prefix: string = this.#o.prefix,
  ): Promise<TrustState> {
    const unreachable = (m: Mirror) => this.reports.faultOf(m) === "failed" ? 1 : 0;
    const failed: FailedAttempt[] = [];
    for (const mirror of [...mirrors].sort((a, b) => unreachable(a) - unreachable(b))) {
      try {
        return accept(await this.#fetch(mirror, path, maxBytes, this.#o.signal, prefix));
      } catch (e) {
        failed.push(await this.#failure(mirror, e, path));
      }
    }
    throw new AllSourcesFailedError(`no mirror gave an acceptable ${path}`, failed);
  }

  /** All mirrors at once. After the first good answer the others have a moment left; a wrong one hurries nobody. */
  async #askAll(path: string, maxBytes: number, accept: (bytes: Uint8Array) => TrustState): Promise<Answer[]> {
    const { mirrors, signal } = this.#o;
    if (mirrors.length === 0) {
      throw new UpdateError("E_NO_SOURCE", "no mirror is configured", {
        hint: "add one: dchat-update add-mirror --url URL --mirror-type https",
      });
    }
    const late = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const answered = () => timer ??= setTimeout(() => late.abort(), GRACE_MS);
    const ask = async (mirror: Mirror): Promise<Answer> => {
      let bytes: Uint8Array | undefined;
      try {
        bytes = await this.#fetch(mirror, path, maxBytes, AbortSignal.any([signal, late.signal]));
        const answer = accept(bytes);
        answered();
        return { mirror, answer };
      } catch (e) {
        signal.throwIfAborted();
        if (bytes === undefined && late.signal.aborted) {
          const message = `no answer within ${GRACE_MS / 1000} s of the others`;
          return { mirror, answer: new UpdateError("E_TIMEOUT", message, { cause: e, source: mirror.id }) };
        }
        const error = asUpdateError(e);
        if (error.code === "E_ABSENT" && path.endsWith(".root.json")) answered(); // the normal end of the chain
        return { mirror, answer: error };
      }
    };
    try {
      return await Promise.all(mirrors.map(ask));
    } finally {
      clearTimeout(timer);
    }
  }

  #fetch(
    mirror: Mirror,
    path: string,
    maxBytes: number,
    signal: AbortSignal,
    prefix = this.#o.prefix,
  ): Promise<Uint8Array> {
    return this.reports.fetch(mirror, prefix + path, maxBytes, signal);
  }

  /** Takes what was accepted, in the order of the mirrors, and puts down what was not. */
  async #sort(answers: readonly Answer[], path: string): Promise<{ accepted: Accepted[]; failed: FailedAttempt[] }> {
    const accepted: Accepted[] = [], failed: FailedAttempt[] = [];
    for (const { mirror, answer } of answers) {
      if (answer instanceof UpdateError) failed.push(await this.#failure(mirror, answer, path));
      else accepted.push({ mirror, state: answer });
    }
    return { accepted, failed };
  }

  async #failure(mirror: Mirror, e: unknown, path: string): Promise<FailedAttempt> {
    const error = asUpdateError(e);
    if (error.retry !== "elsewhere") throw error; // our own disk, an abort, a bug: no other mirror can help
    const isRoot = path.endsWith(".root.json");
    const isOldKey = this.#lackRoot.has(mirror) && (error.code === "E_UNTRUSTED_KEY" || error.code === "E_THRESHOLD");
    const behind = isOldKey || isBehind(error);
    const status = behind ? "stale" : isIntegrityError(error) ? "refused" : "failed";
    // The first problem is reported, unless it was no lie and a lie follows.
    const known = this.reports.faultOf(mirror);
    const isNews = known === undefined || (status === "refused" && known !== "refused");
    // A root that is not there is the normal end of the chain, no fault of the mirror.
    if (isNews && !(isRoot && error.code === "E_ABSENT")) {
      this.reports.setFault(mirror, status, error);
    }
    if (status === "refused") await this.#o.onRefused?.(mirror.id, error, path);
    return { source: mirror.id, error };
  }
}

/**
 * Old but genuine: what an honest mirror that was not synchronised looks like. An older timestamp is such a thing. Any
 * other older version stands under the name of a newer one or is named by a newer file: somebody made it so.
 */
function isBehind(e: UpdateError): boolean {
  if (e.code === "E_ROLLBACK") return e.clause === "TUF 5.4.3.1";
  return e.code === "E_ABSENT" || e.code === "E_EXPIRED";
}

function versionPrefix(state: TrustState, version: number): string {
  return state.root.signed.consistentSnapshot ? `${version}.` : "";
}
