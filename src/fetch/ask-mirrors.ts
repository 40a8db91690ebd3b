// One metadata file asked of many mirrors, all at once or one after another, and what each answer says of its mirror.
// Design: "Learning" of docs/architecture.md; decision 0008. No single mirror can end the asking.
// Must not: know what a file means; `accept` says whether it is one, and is trust/'s.
import { createAbortScope } from "../abortable.ts";
import type { Mirror, Opts } from "../api.ts";
import { AllSourcesFailedError, asUpdateError, type FailedAttempt, isIntegrityError, UpdateError } from "../errors.ts";
import type { TrustState } from "../trust/client.ts";
import { MirrorReports } from "./mirror-reports.ts";

/** Once one mirror has answered, the others get this long: a silent mirror must not hold everybody up. */
const GRACE_MS = 3000;

export interface AskMirrorsOptions extends Opts {
  readonly mirrors: readonly Mirror[];
  /** Where metadata files live below a mirror: "metadata/" in a release repository, "" where the URL names the folder. */
  readonly prefix: string;
  /** Called for every file that does not verify; staleness is no lie and not reported here. */
  readonly onRefused?: (mirror: string, error: UpdateError, file: string) => Promise<void>;
}

/** What to ask for. */
export interface Question {
  /** Below the prefix. */
  readonly path: string;
  readonly maxBytes: number;
  /** Makes a state of the bytes. @throws UpdateError when they are not what was asked for */
  readonly accept: (bytes: Uint8Array) => TrustState;
}

/** What one mirror's file made of the trusted state. */
export interface Accepted {
  readonly mirror: Mirror;
  readonly state: TrustState;
}

/** What all mirrors said to one question, each in the order in which they were given. */
export interface Answers {
  readonly accepted: Accepted[];
  readonly failed: FailedAttempt[];
  /** Those that do not have the file. */
  readonly absent: readonly Mirror[];
}

export class MirrorAsking {
  readonly reports: MirrorReports;
  readonly #o: AskMirrorsOptions;
  /** Mirrors without a root that others have: what a rotated key signed is then old, not forged. */
  readonly #lackRoot = new Set<Mirror>();

  constructor(o: AskMirrorsOptions) {
    this.#o = o;
    this.reports = new MirrorReports(o.mirrors);
  }

  /**
   * One mirror after another until one gives something acceptable; those that gave nothing before come last. One that
   * takes long stays asked beside the next: how long its file is it alone decides, and how slowly it sends it.
   * @param prefix where the file is, if not with the metadata
   * @throws AllSourcesFailedError; UpdateError that no other mirror can help with
   */
  async inTurn(
    mirrors: readonly Mirror[],
    { path, maxBytes, accept }: Question,
    prefix = this.#o.prefix,
  ): Promise<TrustState> {
    const unreachable = (m: Mirror) => this.reports.faultOf(m) === "failed" ? 1 : 0;
    const failed: FailedAttempt[] = [];
    const scope = createAbortScope();
    const ask = (mirror: Mirror) =>
      scope.during(this.#o.signal, async (signal) => {
        try {
          return accept(await this.reports.fetch(mirror, prefix + path, maxBytes, signal));
        } catch (e) {
          if (!scope.signal.aborted) failed.push(await this.#failure(mirror, e, path));
          return undefined;
        }
      });
    const asked: Promise<TrustState | undefined>[] = [];
    try {
      for (const mirror of [...mirrors].sort((a, b) => unreachable(a) - unreachable(b))) {
        asked.push(ask(mirror));
        const state = await soonest(asked, GRACE_MS);
        if (state !== undefined) return state;
      }
      const state = await soonest(asked);
      if (state !== undefined) return state;
    } finally {
      scope.abort(new UpdateError("E_INTERRUPTED", "another mirror has given it"));
    }
    throw new AllSourcesFailedError(`no mirror gave an acceptable ${path}`, failed);
  }

  /**
   * All mirrors at once. After the first good answer the others have a moment left; a wrong one hurries nobody.
   * @throws UpdateError E_NO_SOURCE; whatever no other mirror can help with
   */
  async all(question: Question): Promise<Answers> {
    const { mirrors, signal } = this.#o;
    if (mirrors.length === 0) {
      throw new UpdateError("E_NO_SOURCE", "no mirror is configured", {
        hint: "add one: dchat-update add-mirror --url URL --mirror-type https",
      });
    }
    const late = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const answered = () => timer ??= setTimeout(() => late.abort(), GRACE_MS);
    const ask = async (mirror: Mirror): Promise<Accepted | Refused> => {
      const { path, maxBytes, accept } = question;
      let bytes: Uint8Array | undefined;
      try {
        const soon = AbortSignal.any([signal, late.signal]);
        bytes = await this.reports.fetch(mirror, this.#o.prefix + path, maxBytes, soon);
        const state = accept(bytes);
        answered();
        return { mirror, state };
      } catch (e) {
        signal.throwIfAborted();
        if (bytes === undefined && late.signal.aborted) {
          const message = `no answer within ${GRACE_MS / 1000} s of the others`;
          return { mirror, error: new UpdateError("E_TIMEOUT", message, { cause: e, source: mirror.id }) };
        }
        const error = asUpdateError(e);
        if (error.code === "E_ABSENT" && isRoot(path)) answered(); // the normal end of the chain
        return { mirror, error };
      }
    };
    try {
      return await this.#sort(await Promise.all(mirrors.map(ask)), question.path);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Others have a root that this mirror lacks or withholds. */
  markWithoutRoot(mirror: Mirror, path: string): void {
    this.#lackRoot.add(mirror);
    this.markStale(mirror, `it does not have ${path}, others do`);
  }

  /** It is genuine and behind, unless something worse is known of it. */
  markStale(mirror: Mirror, why: string): void {
    if (this.reports.faultOf(mirror) !== undefined) return;
    this.reports.setFault(mirror, "stale", new UpdateError("E_STALE", why, { source: mirror.id }));
  }

  /** Takes what was accepted, in the order of the mirrors, and puts down what was not. */
  async #sort(answers: readonly (Accepted | Refused)[], path: string): Promise<Answers> {
    const accepted: Accepted[] = [], failed: FailedAttempt[] = [], absent: Mirror[] = [];
    for (const answer of answers) {
      if ("state" in answer) accepted.push(answer);
      else failed.push(await this.#failure(answer.mirror, answer.error, path));
      if ("error" in answer && answer.error.code === "E_ABSENT") absent.push(answer.mirror);
    }
    return { accepted, failed, absent };
  }

  async #failure(mirror: Mirror, e: unknown, path: string): Promise<FailedAttempt> {
    const error = asUpdateError(e);
    if (error.retry !== "elsewhere") throw error; // our own disk, an abort, a bug: no other mirror can help
    const isOldKey = this.#lackRoot.has(mirror) && (error.code === "E_UNTRUSTED_KEY" || error.code === "E_THRESHOLD");
    const behind = isOldKey || isBehind(error);
    const status = behind ? "stale" : isIntegrityError(error) ? "refused" : "failed";
    // The first problem is reported, unless it was no lie and a lie follows.
    const known = this.reports.faultOf(mirror);
    const isNews = known === undefined || (status === "refused" && known !== "refused");
    // A root that is not there is the normal end of the chain, no fault of the mirror.
    if (isNews && !(isRoot(path) && error.code === "E_ABSENT")) this.reports.setFault(mirror, status, error);
    if (status === "refused") await this.#o.onRefused?.(mirror.id, error, path);
    return { source: mirror.id, error };
  }
}

/**
 * The first state that comes; undefined when the last of them, or all where there is no time, have made none.
 * @param ms how long the last one is waited for
 */
function soonest(asked: readonly Promise<TrustState | undefined>[], ms?: number): Promise<TrustState | undefined> {
  return new Promise((resolve, reject) => {
    const timer = ms === undefined ? undefined : setTimeout(() => resolve(undefined), ms);
    const last = ms === undefined ? Promise.all(asked) : asked.at(-1);
    for (const each of asked) each.then((state) => state !== undefined && resolve(state), reject);
    last?.then(() => resolve(undefined), reject).finally(() => clearTimeout(timer));
  });
}

/** Why a mirror's file made nothing. */
interface Refused {
  readonly mirror: Mirror;
  readonly error: UpdateError;
}

const isRoot = (path: string): boolean => path.endsWith(".root.json");

/**
 * Old but genuine: what an honest mirror that was not synchronised looks like. An older timestamp is such a thing. Any
 * other older version stands under the name of a newer one or is named by a newer file: somebody made it so.
 */
function isBehind(e: UpdateError): boolean {
  if (e.code === "E_ROLLBACK") return e.clause === "TUF 5.4.3.1";
  return e.code === "E_ABSENT" || e.code === "E_EXPIRED";
}
