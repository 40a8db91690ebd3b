// The node's own chain as this home asks it, and configure-chain. Design: docs/chain.md; docs/cli.md.
// The root says which chain, the configuration how to ask it. Must not: judge what it says.
import { createHeightStore } from "../chain/height-store.ts";
import { createChainAdapter } from "../chain/index.ts";
import type { ChainState } from "../chain/chain-state.ts";
import { finalityText } from "../chain/finality.ts";
import { type ChainWatch, readChain } from "../chain/watch-chain.ts";
import {
  type ChainAccessConfig,
  changeConfig,
  DEFAULT_STUCK_AFTER_MINUTES,
  MAX_STUCK_AFTER_MINUTES,
} from "../config/config.ts";
import { createHome, homeAt } from "../config/home.ts";
import { type ErrorCode, UpdateError } from "../errors.ts";
import { createHttpClient } from "../net/http-client.ts";
import { DEFAULT_NETWORK_POLICY } from "../net/network-policy.ts";
import { chainOf } from "../trust/epochs.ts";
import type { ChainIdentity } from "../trust/x-dchat.ts";
import type { Arguments, Command } from "./command.ts";
import type { Context } from "./context.ts";
import { hopRules, type Session } from "./session.ts";

export const configureChainCommand: Command = {
  name: "configure-chain",
  summary: "say how to ask the node's own chain for its height",
  options: {
    url: { type: "string", value: "URL", help: "its RPC; none forgets it" },
    command: { type: "string", value: "CMD", help: "or: a command that prints a height" },
    "stuck-after": { type: "string", value: "MINUTES", help: "without a final block for so long it is stuck (10)" },
  },
  async run(c, a) {
    const home = homeAt(c.home);
    const change = readAccess(a);
    const stuckAfterMinutes = a.integer("stuck-after", 1, MAX_STUCK_AFTER_MINUTES);
    await createHome(home);
    const { chain } = await changeConfig(home, c, (old) => {
      const access = change === undefined ? old.chain : change === "none" ? undefined : change;
      if (access === undefined && stuckAfterMinutes !== undefined) {
        throw new UpdateError("E_USAGE", "--stuck-after needs a chain: give --url or --command too");
      }
      const minutes = stuckAfterMinutes ?? old.chain?.stuckAfterMinutes ?? DEFAULT_STUCK_AFTER_MINUTES;
      return { ...old, chain: access === undefined ? undefined : { ...access, stuckAfterMinutes: minutes } };
    });
    return {
      lines: [c.out.line("ok", "Chain configured:"), `  ${chainSettingLine(chain)}`, "  see: dchat-update status"],
      json: { chain: chainSettingJson(chain) },
    };
  },
};

type Access = Pick<ChainAccessConfig, "url" | "command">;

function readAccess(a: Arguments): Access | "none" | undefined {
  const url = a.string("url"), command = a.string("command");
  if (url !== undefined && command !== undefined) {
    throw new UpdateError("E_USAGE", "--url and --command exclude each other");
  }
  if (command !== undefined) return { command };
  if (url === undefined || url === "none") return url;
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return { url };
  throw new UpdateError("E_USAGE", "--url must be an http or https URL, such as http://127.0.0.1:8545");
}

/** The setting in one line. What stands behind the host of a URL may be a key: it is not shown. */
export function chainSettingLine(chain: ChainAccessConfig | undefined): string {
  if (chain === undefined) return "chain           none: dchat-update configure-chain --url URL";
  const { url, command, stuckAfterMinutes } = chain;
  const how = url === undefined ? `command ${command}` : shownUrl(url);
  return `chain           ${how} (stuck after ${stuckAfterMinutes} min)`;
}

export function chainSettingJson(chain: ChainAccessConfig | undefined): Record<string, unknown> | null {
  if (chain === undefined) return null;
  const { url, command, stuckAfterMinutes } = chain;
  return { url: url === undefined ? null : shownUrl(url), command: command ?? null, stuckAfterMinutes };
}

function shownUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return pathname === "/" ? origin : `${origin}/…`;
}

/** Runs `use` with a watch over the chain, or without one where the root or the configuration has none. */
export async function withChain<T>(
  c: Context,
  a: Arguments,
  { home, config, state }: Pick<Session, "home" | "config" | "state">,
  use: (watch: ChainWatch | undefined) => Promise<T>,
): Promise<T> {
  const chain = chainOf(state);
  if (chain === undefined || config.chain === undefined) return await use(undefined);
  const { url, command, stuckAfterMinutes } = config.chain;
  const access = url === undefined ? { command: command ?? "" } : { url };
  const caFile = a.string("ca-file");
  const client = createHttpClient({
    ...DEFAULT_NETWORK_POLICY,
    ...hopRules(a),
    ...(caFile === undefined ? {} : { caFile }),
    // The operator runs it, mostly beside the node: private addresses are what is expected.
    allowPrivate: true,
    allowInsecurePrivate: true,
    // By plain http it is near: a proxy has nothing to do with it.
    env: { ...c.env, HTTP_PROXY: undefined, http_proxy: undefined },
  });
  try {
    return await use({
      adapter: createChainAdapter({ chain, access, client, env: c.env }),
      chain,
      store: createHeightStore(home.dir, chain),
      stuckAfterMs: stuckAfterMinutes * 60_000,
      now: () => Date.now(),
    });
  } finally {
    await client.close();
  }
}

/** What one look at the chain, or none, came to. */
export interface ChainView {
  readonly identity: ChainIdentity | undefined;
  /** "not-asked": nobody wanted to; "not-configured": the root or the operator names none. */
  readonly status: ChainState["status"] | "not-asked" | "not-configured";
  /** The height that counts. */
  readonly height: number | null;
  readonly state: ChainState | undefined;
  readonly words: string;
}

const CANNOT_KEEP: ReadonlySet<ErrorCode> = new Set(["E_DISK_FULL", "E_IO", "E_LOCKED"]);

/** Looks at the chain once; with `ask` false only at what is kept of it. */
export async function viewChain(c: Context, a: Arguments, s: Session, ask: boolean): Promise<ChainView> {
  const identity = chainOf(s.state);
  if (identity === undefined) {
    return { identity, status: "not-configured", height: null, state: undefined, words: "the root names no chain" };
  }
  const kept = async () => (await createHeightStore(s.home.dir, identity).load())?.height ?? null;
  if (s.config.chain === undefined) {
    const words = "is not asked: say how with dchat-update configure-chain";
    return { identity, status: "not-configured", height: await kept(), state: undefined, words };
  }
  if (!ask) {
    const height = await kept();
    const words = height === null ? "was never asked" : `was not asked now; block ${height} was final`;
    return { identity, status: "not-asked", height, state: undefined, words };
  }
  try {
    const state = await withChain(
      c,
      a,
      s,
      async (watch) => watch === undefined ? undefined : await readChain(watch, c),
    );
    if (state === undefined) throw new UpdateError("E_INTERNAL", "the chain went away"); // it was there above
    return { identity, status: state.status, height: state.height, state, words: state.words };
  } catch (e) {
    if (!(e instanceof UpdateError)) throw e;
    if (CANNOT_KEEP.has(e.code)) {
      // What cannot be kept must not be acted on, nor hide the rest of what there is to show.
      const words = `the height cannot be kept: ${e.message}`;
      return { identity, status: "not-asked", height: await kept(), state: undefined, words };
    }
    // The root's chain cannot be asked the way the configuration says.
    if (e.code !== "E_USAGE") throw e;
    return { identity, status: "not-configured", height: await kept(), state: undefined, words: e.message };
  }
}

export function chainJson(v: ChainView): Record<string, unknown> {
  const { identity, state } = v;
  return {
    kind: identity?.kind ?? null,
    genesis: identity?.genesis ?? null,
    finality: identity === undefined ? null : finalityText(identity.finality),
    status: v.status,
    finalizedHeight: v.height,
    latestHeight: state?.latest ?? null,
    blockTimeMs: state?.blockTimeMs ?? null,
    code: state?.error?.code ?? null,
    words: v.words,
  };
}
