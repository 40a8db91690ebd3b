// What each mirror turned out to be worth in one refresh: its first fault, how far it is, how fresh it was.
// Design: decision 0008. Must not: judge an answer; refresh.ts does, by what trust/ says of it.
import type { Mirror } from "../api.ts";
import { UpdateError } from "../errors.ts";

export interface MirrorReport {
  readonly mirror: string;
  /** "stale": honest but behind; "refused": gave something that does not verify; "failed": gave nothing. */
  readonly status: "ok" | "stale" | "refused" | "failed";
  readonly error?: UpdateError;
  /** From asking to the end of its first answer, be it "not there"; null when none came. */
  readonly latencyMs: number | null;
  /** Of the genuine timestamp it gave; null when it gave none. */
  readonly timestampVersion: number | null;
}

export type Fault = Required<Pick<MirrorReport, "status" | "error">>;

export class MirrorReports {
  readonly #mirrors: readonly Mirror[];
  readonly #faults = new Map<Mirror, Fault>();
  readonly #latencyMs = new Map<Mirror, number>();
  readonly #timestampVersion = new Map<Mirror, number>();

  constructor(mirrors: readonly Mirror[]) {
    this.#mirrors = mirrors;
  }

  /** One a mirror, in the order they were given. */
  all(): MirrorReport[] {
    return this.#mirrors.map((m) => ({
      mirror: m.id,
      ...(this.#faults.get(m) ?? { status: "ok" }),
      latencyMs: this.#latencyMs.get(m) ?? null,
      timestampVersion: this.#timestampVersion.get(m) ?? null,
    }));
  }

  faultOf(m: Mirror): Fault["status"] | undefined {
    return this.#faults.get(m)?.status;
  }

  setFault(m: Mirror, status: Fault["status"], error: UpdateError): void {
    this.#faults.set(m, { status, error });
  }

  setTimestamp(m: Mirror, version: number): void {
    this.#timestampVersion.set(m, version);
  }

  /** Asks a mirror, and times its first answer: that one shows the distance, with name, connection and TLS. */
  async fetch(m: Mirror, path: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    const startMs = performance.now();
    const answered = () => {
      if (this.#latencyMs.has(m)) return;
      this.#latencyMs.set(m, Math.max(1, Math.round(performance.now() - startMs)));
    };
    try {
      const bytes = await m.fetch(path, maxBytes, { signal });
      answered();
      return bytes;
    } catch (e) {
      if (e instanceof UpdateError && e.code === "E_ABSENT") answered();
      throw e;
    }
  }
}
