// What a supervisor is told, asks for and tells: its interface to whoever decides and whoever prints.
// Design: "Running the node" of docs/activation.md. Must not: hold behaviour.
import type { Opts } from "../../api.ts";
import type { Home } from "../../config/home.ts";
import type { HealthCheck } from "./health.ts";

/** A version that shall run. */
export interface Wanted {
  readonly version: string;
  readonly sha256: string;
  /** Null without a certificate. */
  readonly activationHeight: number | null;
}

/** What was decided: "as-is" is what current.json says; "halt" that nothing may run. */
export type Verdict = Wanted | "as-is" | "halt";

/** What the supervisor knows that matters for a decision. */
export interface Seen {
  /** The height it was told to halt before, when the node ended by itself with 0. */
  readonly haltedFor: number | undefined;
  /** Digests of what is installed and could not be switched to just now: changed since, or its backup failed. */
  readonly refused: readonly string[];
}

/** What a supervisor needs to know of a version before it starts it. */
export interface Ready {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export type SupervisorEvent =
  | { readonly type: "started" | "adopted" | "healthy"; readonly version: string; readonly pid: number }
  | { readonly type: "ended"; readonly version: string; readonly code: number | null; readonly signal: string | null }
  | { readonly type: "switching" | "switched"; readonly fromVersion: string | null; readonly toVersion: string }
  | {
    readonly type: "rolled-back";
    readonly fromVersion: string;
    readonly toVersion: string | null;
    readonly why: string;
  }
  | { readonly type: "waiting"; readonly why: string }
  | { readonly type: "problem"; readonly why: string };

export interface SupervisorOptions extends Opts {
  readonly home: Home;
  /** Asked every `pollMs`, and at once when the node has ended. */
  readonly verdict: (seen: Seen) => Promise<Verdict>;
  /** Proves a staged version, now. @throws UpdateError when it must not run */
  readonly prove: (version: string, sha256: string, o: Opts) => Promise<void>;
  /**
   * Command and environment of a version.
   * @param running what it runs with now, if it does: to give the same again is to leave it alone
   */
  readonly ready: (version: string, running?: Ready) => Promise<Ready>;
  /** Whether an older version would not fork. */
  readonly mayGoBack: (version: string) => Promise<boolean>;
  /** Has it look at once when there may be another verdict, and not only at the next poll. @returns an end to it */
  readonly onNews?: (look: () => void) => () => void;
  readonly health: HealthCheck;
  readonly healthTimeoutMs: number;
  readonly stopTimeoutMs: number;
  readonly pollMs: number;
  /** For the shell, between the old version and the new one. */
  readonly backup: string | undefined;
  readonly backupTimeoutMs: number;
  readonly restart: boolean;
  readonly stdout: number | "inherit";
  readonly onEvent: (e: SupervisorEvent) => void;
  /** Signals of the supervisor, after `signal` was aborted where one ends it; all are passed on. @returns an end to it */
  readonly onSignal: (pass: (name: NodeJS.Signals) => void) => () => void;
}
