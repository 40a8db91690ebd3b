// Any program that prints a height: for chains this product has no adapter for. Design: docs/chain.md, "Chains".
// It is the operator's own program, run through the shell; its time and its output are bounded all the same.
// Must not: keep it running between questions.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Opts } from "../api.ts";
import { UpdateError } from "../errors.ts";
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
  return createAdapter("command", async ({ signal }) => {
    signal.throwIfAborted();
    const child = spawn(o.command, {
      shell: true,
      stdio: ["ignore", "pipe", "ignore"],
      env,
      // A group of its own, so that what the shell has started ends with it.
      detached: process.platform !== "win32",
    });
    return readOutput(await collect(child, { signal, timeLimitMs: o.timeLimitMs ?? TIME_LIMIT_MS }), o.chain.finality);
  });
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

/** The whole output of a child that ends well in time. */
async function collect(child: ChildProcess, o: Opts & { readonly timeLimitMs: number }): Promise<string> {
  const tooMuch = new AbortController();
  const late = AbortSignal.timeout(o.timeLimitMs);
  const chunks: Uint8Array[] = [];
  let length = 0;
  child.stdout?.on("data", (chunk: Uint8Array) => {
    length += chunk.length;
    if (length > MAX_OUTPUT_BYTES) tooMuch.abort();
    else chunks.push(chunk);
  });
  try {
    const [code] = await once(child, "close", { signal: AbortSignal.any([o.signal, late, tooMuch.signal]) });
    if (code !== 0) throw failed(code === null ? "was killed" : `ended with exit code ${code}`);
  } catch (e) {
    if (e instanceof UpdateError) throw e;
    killGroup(child);
    if (o.signal.aborted) throw e;
    if (tooMuch.signal.aborted) throw failed(`printed more than ${MAX_OUTPUT_BYTES} bytes`);
    if (late.aborted) throw new UpdateError("E_TIMEOUT", `the command printed no height in ${o.timeLimitMs / 1000} s`);
    throw failed("could not be started", e);
  }
  return Buffer.concat(chunks).toString();
}

function killGroup(child: ChildProcess): void {
  child.stdout?.destroy(); // whoever holds the other end must not hold us
  try {
    if (child.pid !== undefined && process.platform !== "win32") process.kill(-child.pid, "SIGKILL");
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== "ESRCH") throw e; // it has ended meanwhile
  }
  child.kill("SIGKILL");
}

function failed(why: string, cause?: unknown): UpdateError {
  return new UpdateError("E_CHAIN", `the command ${why}`, { cause });
}
