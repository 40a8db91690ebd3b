// devnet, devnet-chain, devnet-mirror: a network on this machine, and two of its parts to be had by themselves.
// Design: docs/devnet.md. Must not: hold behaviour of a network; that is src/devnet/ and, for the chain, src/chain/.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { startSimulatedServer } from "../chain/simulated-server.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import { loadArchives } from "../heavy/load-archives.ts";
import { loadDevnet } from "../heavy/load-devnet.ts";
import type { Command, OptionSpec } from "./command.ts";
import type { Context } from "./context.ts";
import { jsonLine, printable } from "./output.ts";
import { ownCommand } from "./own-command.ts";
import { ownPlatform } from "./own-platform.ts";

/** Each node is three processes, each of which takes its share of the machine. */
const MAX_NODES = 20;
const DEFAULT_NODES = 5;
const DEFAULT_BLOCK_MS = 500;
const MAX_BLOCK_SECONDS = 3_600;
/** The exit code of a scenario in which something did not hold: like a bug, which it is. */
const DID_NOT_HOLD = 1;

const BLOCK_TIME: OptionSpec = { type: "string", value: "SECONDS", help: "a block each so many seconds (0.5)" };
const PORT: OptionSpec = { type: "string", value: "PORT", help: "listen on this port of 127.0.0.1 (any free one)" };

export const devnetCommand: Command = {
  name: "devnet",
  summary: "a whole network on this machine, to try things out, until Ctrl-C",
  options: {
    nodes: { type: "string", value: "N", help: `how many nodes, 1 to ${MAX_NODES} (${DEFAULT_NODES})` },
    "block-time": BLOCK_TIME,
    scenario: {
      type: "string",
      value: "NAME",
      help: "play this and end: demo, or start (only looks whether all is up)",
    },
    keep: { type: "boolean", help: "stay after the scenario, until Ctrl-C" },
  },
  details: `A chain that makes blocks, a maintainer, three governors, two mirrors of which one lies, and nodes under
\`run\`, each a process of its own on loopback, in a temporary folder that is removed at the end.`,
  async run(c, a) {
    if (process.platform === "win32") throw new UpdateError("E_USAGE", "devnet needs a POSIX system");
    const { command, runtime, file, piped } = ownFile();
    const nodes = a.integer("nodes", 1, MAX_NODES) ?? DEFAULT_NODES;
    const scenario = a.oneOf("scenario", ["start", "demo"]);
    const hangUp = new AbortController(); // a terminal that is closed ends it too
    const signal = AbortSignal.any([c.signal, hangUp.signal]);
    let wasAsked = false;
    const { runDevnet } = await loadDevnet();
    const { pack } = await loadArchives();
    const result = await runDevnet({
      ...{ command, runtime, file, piped },
      platform: ownPlatform(),
      nodes,
      blockTimeMs: a.seconds("block-time", MAX_BLOCK_SECONDS) ?? DEFAULT_BLOCK_MS,
      scenario,
      keep: a.flag("keep"),
      signal,
      pack,
      stream: c.out.stderr,
      talks: !c.out.json && !c.out.quiet,
      printable,
      line: c.out.line,
      onEvent: (e) => void (c.out.json && c.out.stderr.write(`${jsonLine(e)}\n`)),
      onImpatience: (kill) =>
        c.takeSignals((name) => {
          if (name === "SIGUSR1" || name === "SIGUSR2") return;
          if (wasAsked) kill();
          wasAsked = true;
          hangUp.abort();
        }),
    });
    if (signal.aborted && !result.ok) throw new UpdateError("E_INTERRUPTED", "ended before its end");
    const held = result.steps.filter((s) => s.ok).length;
    return {
      lines: [
        ...(result.problem === null ? [] : [c.out.line("failed", result.problem)]),
        c.out.line(result.ok ? "ok" : "failed", `${held} of ${result.steps.length} steps held, in ${result.seconds} s`),
      ],
      json: { scenario: scenario ?? null, nodes, ...result },
      exitCode: result.ok ? 0 : DID_NOT_HOLD,
    };
  },
};

/** How to start this program again, other files with its runtime, and this program through a pipe. */
function ownFile() {
  const isDeno = process.versions["deno"] !== undefined, isBun = process.versions["bun"] !== undefined;
  const [own = "", ...rest] = ownCommand().toReversed();
  const runtime = rest.toReversed(), [program = ""] = runtime;
  if (program === "") {
    throw new UpdateError("E_USAGE", "devnet starts this program on its runtime, and needs both as files", {
      hint: "save dchat-update.mjs and run that",
    });
  }
  const file = resolve(own);
  const piped = isDeno || isBun
    ? [program, "run", ...(isDeno ? ["-A"] : []), "-"]
    : [program, "--input-type=module", "-"];
  return { command: [...runtime, file], runtime, file, piped };
}

export const devnetChainCommand: Command = {
  name: "devnet-chain",
  summary: "the simulated chain of a devnet by itself, until Ctrl-C",
  options: {
    "block-time": BLOCK_TIME,
    "finality-lag": { type: "string", value: "N", help: "blocks behind the newest that can still be replaced (0)" },
    height: { type: "string", value: "N", help: "blocks that are there from the beginning (100)" },
    port: PORT,
  },
  async run(c, a) {
    const server = await startSimulatedServer({
      name: "devnet",
      height: a.integer("height", 0, Number.MAX_SAFE_INTEGER) ?? 100,
      finalityLag: a.integer("finality-lag", 0, 1_000_000) ?? 0,
      blockTimeMs: a.seconds("block-time", MAX_BLOCK_SECONDS) ?? DEFAULT_BLOCK_MS,
      port: a.integer("port", 1, 65535) ?? 0,
    });
    const { genesis } = server.chain;
    await untilStopped(c, { url: server.url, genesis }, () => server.close());
    return { lines: [], json: { url: server.url, genesis, height: server.chain.height } };
  },
};

export const devnetMirrorCommand: Command = {
  name: "devnet-mirror",
  summary: "a mirror of a folder on loopback, until Ctrl-C; it lies when told to",
  positionals: "FOLDER",
  options: {
    alters: { type: "boolean", help: "turns a bit in each piece of every artifact" },
    "max-rate": { type: "string", value: "RATE", help: "bytes per second of one answer, such as 500K, 20M" },
    port: PORT,
  },
  async run(c, a) {
    const folder = resolve(a.positional(0)), alters = a.flag("alters");
    if (!existsSync(folder)) throw new UpdateError("E_USAGE", `there is no folder ${folder}`);
    const { startMirrorServer } = await loadDevnet();
    const port = a.integer("port", 1, 65535) ?? 0;
    const server = await startMirrorServer({ folder, alters, bytesPerSecond: a.rate("max-rate"), port }).catch((e) => {
      throw asUpdateError(e, "E_IO");
    });
    await untilStopped(c, { url: server.url }, () => server.close());
    return { lines: [], json: { url: server.url, folder, alters } };
  },
};

interface Place {
  readonly url: string;
  readonly genesis?: string;
}

/** Says where it listens, and waits for the signal. */
async function untilStopped(c: Context, where: Place, close: () => Promise<void>): Promise<void> {
  if (c.out.json) c.out.stderr.write(`${jsonLine({ event: "listening", ...where })}\n`);
  else c.out.note(`listening on ${where.url}`);
  if (!c.signal.aborted) {
    await new Promise((resolve) => c.signal.addEventListener("abort", resolve, { once: true }));
  }
  await close();
}
