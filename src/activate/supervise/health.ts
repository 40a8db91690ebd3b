// Is the version that was just started the one that runs, and does it run well? Design: "Health" of docs/activation.md.
// Asked of the node itself: its own pid and version. Never whether blocks advance, which no node can pass alone.
// By node:http, not by src/net/: that client keeps connections, and a node that is told to end would wait for them; nor
// has a question to this machine any use for its proxies, redirects and certificate authorities.
// Must not: start or stop anything.
import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { groupOf } from "../../disk/process-identity.ts";
import { asUpdateError } from "../../errors.ts";
import { runOperatorCommand } from "../operator-command.ts";
import type { NodeProcess } from "./node-process.ts";

export type HealthCheck =
  /** Answers GET with `{ "version", "pid" }`. */
  | { readonly url: string }
  /** Ends with 0 when the node is well; for the shell. */
  | { readonly command: string }
  /** The node says nothing of itself: it has to stay alive for so long. */
  | { readonly aliveMs: number };

export interface HealthOptions {
  readonly check: HealthCheck;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** From the start of a program to its first answer: how often it is asked. */
const POLL_MS = 50;
/** Of one question; a node that is still starting up may take a connection and not answer it. */
const ANSWER_TIMEOUT_MS = 5_000;
/** Two fields are looked at; some nodes tell all about themselves. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** @returns undefined when it is well, else what is wrong; also when the signal ends the waiting */
export async function checkHealth(node: NodeProcess, o: HealthOptions): Promise<string | undefined> {
  const { check, signal } = o;
  const isTimed = "aliveMs" in check;
  const deadlineMs = performance.now() + (isTimed ? check.aliveMs : o.timeoutMs);
  let why = "it was not asked yet";
  while (!signal.aborted) {
    const exit = node.exit();
    if (exit !== undefined) return `it ended (${exit.signal ?? exit.code ?? "nobody knows how"})`;
    if (!isTimed) {
      const answer = await ask(node, check, signal);
      if (answer === undefined) return node.exit() === undefined ? undefined : "it ended";
      why = answer;
    }
    if (performance.now() >= deadlineMs) return isTimed ? undefined : why;
    await Promise.race([delay(POLL_MS, undefined, { signal }).catch(() => {}), node.ended]);
  }
  return "the waiting was interrupted";
}

async function ask(node: NodeProcess, check: Exclude<HealthCheck, { aliveMs: number }>, signal: AbortSignal) {
  try {
    return "url" in check ? judge(node, await get(check.url, signal)) : await runCheck(node, check.command, signal);
  } catch (e) {
    return asUpdateError(e).message;
  }
}

/** What is wrong with an answer, or undefined. */
function judge(node: NodeProcess, body: string): string | undefined {
  const said: unknown = JSON.parse(body);
  const { version, pid } = (said ?? {}) as { version?: unknown; pid?: unknown }; // both are compared just below
  if (version !== node.version) return `it says that it is version ${JSON.stringify(version)?.slice(0, 80)}`;
  // A program that was started by a script is in the script's group.
  const isOurs = typeof pid === "number" && (pid === node.pid || groupOf(pid) === node.pid);
  return isOurs ? undefined : `process ${JSON.stringify(pid)?.slice(0, 20)} answered, not ${node.pid}`;
}

function get(url: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(url, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
      agent: false,
    });
    asked.on("error", reject);
    asked.on("response", (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("error", reject).on("data", (part: string) => {
        body += part;
        if (body.length > MAX_ANSWER_BYTES) asked.destroy(new Error("the answer is too long"));
      });
      answer.on("end", () => {
        if (answer.statusCode === 200) resolve(body);
        else reject(new Error(`the answer is ${answer.statusCode}`));
      });
    });
    asked.end();
  });
}

async function runCheck(node: NodeProcess, command: string, signal: AbortSignal): Promise<string | undefined> {
  const env = { ...process.env, ...node.env, DCHAT_PID: String(node.pid) };
  return await runOperatorCommand({ command, env, signal, timeLimitMs: ANSWER_TIMEOUT_MS });
}
