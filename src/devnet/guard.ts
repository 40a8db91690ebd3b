// Ends what a devnet has started when the devnet itself is killed: a shell that waits for the end of its input.
// Design: docs/devnet.md. Must not: do anything as long as the devnet lives.
import { spawn } from "node:child_process";
import process from "node:process";

export interface Guard {
  /** A process that leads a group of its own. */
  watch(pid: number): void;
  /** Everything is gone already. */
  dismiss(): void;
}

/**
 * Reads pids. When the other end of the pipe is gone, they are asked to end, and made to after as long as a supervisor
 * gives its node; then the folder goes.
 */
const SCRIPT = `
while read -r pid; do pids="$pids $pid"; done
each() { for pid in $pids; do kill -s "$1" -- "-$pid"; done; }
each TERM
sleep 6
each KILL
sleep 1
rm -rf -- "$1"
`;

export function startGuard(folder: string): Guard {
  const shell = spawn("/bin/sh", ["-c", SCRIPT, "dchat-devnet-guard", folder], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  shell.on("error", () => {}); // without a shell no node could be started either
  shell.stdin.on("error", () => {});
  return {
    watch: (pid) => void shell.stdin.write(`${pid}\n`),
    dismiss() {
      // Before its input ends: there is nothing left for it to do.
      if (shell.pid !== undefined) process.kill(shell.pid, "SIGKILL");
    },
  };
}
