// Any program that prints a height: for chains this product has no adapter for. Design: docs/chain.md, "Chains".
// It is the operator's own program, run through the shell; its time and its output are bounded all the same.
// Must not: keep it running between questions.
import { UpdateError } from "../errors.ts";
import { type CommandEnd, runShellCommand } from "../shell-command.ts";
import { Field } from "../trust/fields.ts";
import type { Json } from "../trust/json.ts";
import type { ChainIdentity, Finality } from "../trust/x-dchat.ts";
import { type ChainAdapter, type ChainReading, createAdapter } from "./chain-clock.ts";
import { finalHeight, finalityText } from "./finality.ts";
import { readNumber } from "./rpc.ts";

/** A command that takes longer than a block takes is of no use; most are one request. */
const TIME_LIMIT_MS = 10_000;
/** A number, or a small JSON document. */
const MAX_OUTPUT_BYTES = 16 * 1024;

export interface CommandOptions {
  /** For the shell. */
  readonly command: string;
  readonly chain: ChainIdentity;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For tests. */
  readonly timeLimitMs?: number;
}

/**
 * It prints a height, or `{"height": N, "genesis": "…", "syncing": false}`. The height is the one that the root's rule of
 * finality speaks of, which it finds in DCHAT_CHAIN_FINALITY: the newest block, of which the depth is taken off here, or
 * the newest one with that tag.
 */
export function createCommandAdapter(o: CommandOptions): ChainAdapter {
  const env = {
    ...o.env,
    DCHAT_CHAIN_KIND: o.chain.kind,
    DCHAT_CHAIN_GENESIS: o.chain.genesis,
    DCHAT_CHAIN_FINALITY: finalityText(o.chain.finality),
  };
  const timeLimitMs = o.timeLimitMs ?? TIME_LIMIT_MS;
  return createAdapter("command", async ({ signal }) => {
    const limits = { timeLimitMs, maxOutputBytes: MAX_OUTPUT_BYTES, signal };
    const end = await runShellCommand({ command: o.command, env, ...limits, terminal: "silent" });
    return readOutput(outputOf(end, timeLimitMs), o.chain.finality);
  });
}

/** @throws UpdateError E_CHAIN, E_TIMEOUT when it did not end well in time */
function outputOf(end: CommandEnd, timeLimitMs: number): string {
  switch (end.how) {
    case "ended":
      if (end.code !== 0) throw failed(end.code === null ? "was killed" : `ended with exit code ${end.code}`);
      return new TextDecoder().decode(end.output);
    case "late":
      throw new UpdateError("E_TIMEOUT", `the command printed no height in ${timeLimitMs / 1000} s`);
    case "too-much":
      throw failed(`printed more than ${MAX_OUTPUT_BYTES} bytes`);
    case "not-started":
      throw failed("could not be started", end.cause);
  }
}

function readOutput(output: string, finality: Finality): ChainReading {
  const text = output.trim();
  const f = new Field(/^[0-9]+$/.test(text) ? { height: text } : parse(text), "the command's answer");
  const height = readNumber(f.get("height"));
  const isTagged = finality !== "instant" && "tag" in finality;
  return {
    genesis: f.get("genesis").optional((g) => g.line(256)),
    latest: height,
    finalized: isTagged ? height : finalHeight(height, finality),
    hash: undefined,
    isSyncing: f.get("syncing").optional((s) => s.boolean()) ?? false,
  };
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json; // what JSON.parse gives
  } catch (cause) {
    const shown = JSON.stringify(text.slice(0, 80));
    throw new UpdateError("E_MALFORMED", `the command prints ${shown}, which is neither a height nor JSON`, { cause });
  }
}

function failed(why: string, cause?: unknown): UpdateError {
  return new UpdateError("E_CHAIN", `the command ${why}`, { cause });
}
