// Brings trust up to date from mirrors that may lie, lag or be dead. Design: "Trust in detail"; TUF 5.3–5.6.
// The order of the client workflow; all decisions are trust/'s, and how mirrors are asked is ask-mirrors.ts's.
// Must not: open sockets or files itself, believe a mirror about another one.
import type { Mirror } from "../api.ts";
import { AllSourcesFailedError, asUpdateError, UpdateError } from "../errors.ts";
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
import { type Accepted, type AskMirrorsOptions, MirrorAsking } from "./ask-mirrors.ts";
import type { MirrorReport } from "./mirror-reports.ts";
import { fetchSchedule } from "./refresh-schedule.ts";

/** Roots accepted in one refresh (TUF 5.3.3 asks for a bound): a root a week for five years. */
const MAX_ROOT_STEPS = 256;

export interface RefreshOptions extends AskMirrorsOptions {
  readonly clock: Clock;
  /** True where the mirrors have a schedule beside the metadata. */
  readonly schedule?: boolean;
  /** The roles to load besides the top-level ones: asked again after each until it has none. */
  readonly nextRole: (state: TrustState) => NeededRole | undefined;
  /** Called whenever more is trusted than before. Incomplete states lack what the next step fetches. */
  readonly save: (state: TrustState, step: "incomplete" | "complete") => Promise<void>;
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
    o.onReports?.(r.asking.reports.all());
  }
  return { state: r.state, mirrors: r.asking.reports.all(), scheduleError };
}

/**
 * Fetches single targets roles on demand, for readers who look one path up in a large repository.
 * @throws UpdateError
 */
export async function loadRole(state: TrustState, role: NeededRole, o: RefreshOptions): Promise<TrustState> {
  return await new Refresh(state, o).role(state, role, o.mirrors);
}

class Refresh {
  state: TrustState;
  readonly asking: MirrorAsking;
  readonly #o: RefreshOptions;

  constructor(state: TrustState, o: RefreshOptions) {
    this.state = state;
    this.#o = o;
    this.asking = new MirrorAsking(o);
  }

  async roots(): Promise<void> {
    for (let step = 0; step < MAX_ROOT_STEPS; step++) {
      const path = `${this.state.root.signed.version + 1}.root.json`;
      const accept = (bytes: Uint8Array) => acceptRoot(this.state, bytes);
      const { accepted: [first], failed, absent } = await this.asking.all({
        path,
        maxBytes: MAX_METADATA_BYTES.root,
        accept,
      });
      if (first === undefined) {
        // "Not there" from anyone is how the chain of roots ends; nobody saying so is a failed update.
        if (absent.length > 0) return;
        throw new AllSourcesFailedError(`no mirror gave an acceptable answer for ${path}`, failed);
      }
      this.state = first.state;
      for (const mirror of absent) this.asking.markWithoutRoot(mirror, path);
      await this.#o.save(first.state, "incomplete");
    }
    throw new UpdateError("E_MALFORMED", `more than ${MAX_ROOT_STEPS} new roots`, { clause: "TUF 5.3.3" });
  }

  /** Takes the newest timestamp whose snapshot and targets somebody can supply. */
  async newest(): Promise<void> {
    const { accepted: candidates, failed } = await this.asking.all({
      path: "timestamp.json",
      maxBytes: MAX_METADATA_BYTES.timestamp,
      accept: (bytes) => acceptTimestamp(this.state, bytes, this.#o.clock),
    });
    for (const { mirror, state } of candidates) this.asking.reports.setTimestamp(mirror, timestampVersion(state));
    candidates.sort((a, b) => timestampVersion(b.state) - timestampVersion(a.state)); // stable: mirrors keep their order
    const tried = new Set<number>();
    for (const { state, mirror } of candidates) {
      const version = timestampVersion(state);
      if (tried.has(version)) continue;
      tried.add(version);
      try {
        // Whoever gave this timestamp is the likeliest to have what it names.
        this.state = await this.#complete(state, [mirror, ...this.#o.mirrors.filter((m) => m !== mirror)]);
        this.#markBehind(candidates, version);
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
      const version = timestampVersion(state);
      if (version >= newest) continue;
      this.asking.markStale(mirror, `its timestamp is version ${version}, the newest is ${newest}`);
    }
  }

  /** After the metadata, so that a withheld certificate takes nothing else away. */
  async certificates(): Promise<UpdateError | undefined> {
    const { mirrors, save } = this.#o;
    const { state, error } = await fetchSchedule(
      this.state,
      (path, maxBytes, accept) => this.asking.inTurn(mirrors, { path, maxBytes, accept }, ""),
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
      state = await this.asking.inTurn(mirrors, {
        path: `${versionPrefix(state, wanted.meta.version)}snapshot.json`,
        maxBytes: Math.min(wanted.meta.length ?? Infinity, MAX_METADATA_BYTES.snapshot),
        accept: (bytes) => acceptSnapshot(from, bytes, clock),
      });
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
    const next = await this.asking.inTurn(mirrors, {
      path: `${versionPrefix(state, meta.version)}${quoteRole(name)}.json`,
      maxBytes: Math.min(meta.length ?? Infinity, MAX_METADATA_BYTES.targets),
      accept: (bytes) => acceptTargets(state, name, parent, bytes, clock),
    });
    await save(next, "incomplete");
    return next;
  }
}

function timestampVersion({ timestamp }: TrustState): number {
  return timestamp?.signed.version ?? 0;
}

function versionPrefix(state: TrustState, version: number): string {
  return state.root.signed.consistentSnapshot ? `${version}.` : "";
}
