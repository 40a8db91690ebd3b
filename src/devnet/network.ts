// A network on this machine, as a scenario sees it: a chain, a maintainer, governors, mirrors and nodes.
// Design: docs/devnet.md. Must not: hold behaviour; start-network.ts makes one.
import type { Outcome } from "./children.ts";
import type { NodeView } from "./node-view.ts";
import type { Manner } from "./release-files.ts";
import type { PlanView, TableView } from "./table.ts";

export interface NodePlace {
  readonly name: string;
  readonly home: string;
  /** Where its program answers. */
  readonly url: string;
  /** Where it listens for other nodes. */
  readonly address: string;
}

export interface GovernorPlace {
  readonly name: string;
  readonly weight: number;
  readonly home: string;
  readonly key: string;
  /** Where his daemon listens. */
  readonly address: string;
}

export interface Network {
  /** Everything is below it. */
  readonly folder: string;
  readonly repo: string;
  /** The maintainer's key. */
  readonly key: string;
  /** The trust root. */
  readonly root: string;
  readonly platform: string;
  /** The maintainer's own home: it tells the others. */
  readonly maintainer: NodePlace;
  readonly governors: readonly [alice: GovernorPlace, bob: GovernorPlace, carol: GovernorPlace];
  readonly nodes: readonly NodePlace[];
  /** Who was told to stay connected to whom, by their names. */
  readonly links: readonly (readonly [string, string])[];
  /** URL of the mirror that gives what was published. */
  readonly honest: string;
  /** URL of the one that alters every artifact. */
  readonly liar: string;
  /** A URL where nobody listens. */
  readonly dead: string;
  /** URL of the chain. */
  readonly chain: string;
  /** What is known of a node, or of a governor's daemon. */
  view(of: { readonly name: string }): NodeView;
  table(): TableView;
  setPlan(plan: PlanView): void;
  height(): number;
  /** Orders to the chain, as docs/chain.md has them. */
  order(orders: Readonly<Record<string, unknown>>): Promise<void>;
  /** The version that a node's program answers; undefined while nobody does. */
  ask(node: NodePlace): Promise<string | undefined>;
  /** Makes the file of a version. @returns its path */
  makeFile(version: string, manner: Manner): Promise<string>;
  /** Adds a release to the repository; `publish` publishes it. */
  add(version: string, manner: Manner): Promise<void>;
  /** Publishes what is staged and tells the network. @returns the version of the timestamp */
  publish(): Promise<number>;
  /** A command of the product. @throws Error when it ends with another code */
  dchat(args: readonly string[], code?: number): Promise<Outcome>;
  /** The same, by a program that comes through a pipe. */
  piped(args: readonly string[], code?: number): Promise<Outcome>;
  /** The document that it prints. */
  json<T>(args: readonly string[], code?: number): Promise<T>;
  /** Waits until something is so. @throws Error naming it when it is in vain */
  until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void>;
}

/** What the network begins with. */
export const FIRST_VERSION = "1.0.0";
/** The least that the root asks for between an approval and its height. */
export const LEAD_BLOCKS = 5;
