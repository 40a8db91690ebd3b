// Every kind of chain there is an adapter for. Design: docs/chain.md, "Chains".
// The root says which chain it is; the operator says how to ask it. Must not: hold adapters that are not listed here.
import { UpdateError } from "../errors.ts";
import type { HttpClient } from "../net/http-client.ts";
import type { ChainIdentity, Finality } from "../trust/x-dchat.ts";
import type { ChainAdapter } from "./chain-clock.ts";
import { createCometbftAdapter } from "./cometbft.ts";
import { createCommandAdapter } from "./command.ts";
import { createEvmAdapter } from "./evm.ts";
import { createSimulatedAdapter } from "./simulated.ts";
import { createSubstrateAdapter } from "./substrate.ts";

/** How the operator says to ask the chain: the URL of its RPC, or a command for the shell. */
export type ChainAccess = { readonly url: string } | { readonly command: string };

type CreateAdapter = (url: string, finality: Finality, client: HttpClient) => ChainAdapter;

const KINDS: readonly (readonly [kind: string, create: CreateAdapter])[] = [
  ["evm", createEvmAdapter],
  ["cometbft", createCometbftAdapter],
  ["substrate", createSubstrateAdapter],
  ["simulated", createSimulatedAdapter],
];

export interface AdapterOptions {
  readonly chain: ChainIdentity;
  readonly access: ChainAccess;
  readonly client: HttpClient;
  /** For a command. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** @throws UpdateError E_USAGE when the root's chain cannot be asked that way */
export function createChainAdapter({ chain, access, client, env }: AdapterOptions): ChainAdapter {
  if ("command" in access) return createCommandAdapter({ command: access.command, chain, env });
  const create = KINDS.find(([kind]) => kind === chain.kind)?.[1];
  if (create !== undefined) return create(access.url, chain.finality, client);
  const kinds = KINDS.map(([kind]) => kind).join(", ");
  throw new UpdateError("E_USAGE", `there is no adapter for a chain of kind ${JSON.stringify(chain.kind)} (${kinds})`, {
    hint: "configure-chain --command takes any program that prints a height",
  });
}
