// Whether SIGHUP is to change nothing, as under `nohup`. Design: docs/gossip.md. Must not: take part in what it does.
import { readFileSync } from "node:fs";

/**
 * Whether this process was started to outlive its terminal: then a handler of its own must not undo that. It can be seen on
 * Linux, with Deno and Bun: Node resets what it was started with. To be asked before anything handles a signal: Deno
 * then takes this one too.
 */
export function isHangUpIgnored(): boolean {
  try {
    // proc(5): a mask of signals in hexadecimal digits, of which SIGHUP is the lowest bit.
    const [, lowest = "0"] = /^SigIgn:\s*[0-9a-f]*([0-9a-f])$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    return (Number.parseInt(lowest, 16) & 1) !== 0;
  } catch {
    return false; // not Linux
  }
}
