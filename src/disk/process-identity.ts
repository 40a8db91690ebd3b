// Who a process is, beyond its number, so that a reused pid is not mistaken for its former owner.
// Design: "State on disk" of docs/architecture.md. Must not: signal a process (signal 0 only asks whether it is there).

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { systemCode } from "../errors.ts";

/** What identifies one process of one boot of one machine; null where the platform does not say. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to the start of the process. */
  readonly startTime: string | null;
  readonly bootId: string | null;
  /** Two containers may use the same pid for different processes. */
  readonly pidNamespace: string | null;
}

export function ownIdentity(): ProcessIdentity {
  return identityOf(process.pid);
}

/** Of a process of this machine and container that is there now. */
export function identityOf(pid: number): ProcessIdentity {
  return {
    pid,
    startTime: startTimeOf(pid),
    bootId: orNull(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
    pidNamespace: orNull(() => readlinkSync("/proc/self/ns/pid")),
  };
}

/**
 * Whether the process is still there, as far as `self` can see: "unknown" for one in another container, or alive by
 * its number on a platform that does not tell start times.
 */
export function isAlive(other: ProcessIdentity, self: ProcessIdentity): boolean | "unknown" {
  if (other.bootId !== self.bootId) return other.bootId === null || self.bootId === null ? "unknown" : false;
  if (other.pidNamespace !== self.pidNamespace) return "unknown";
  if (!exists(other.pid)) return false;
  const stat = statOf(other.pid);
  if (stat === null || stat.startTime === null || other.startTime === null) return "unknown";
  // A killed process whose parent does not reap it keeps its number as a zombie, but owns nothing any more.
  return stat.startTime === other.startTime && stat.state !== "Z" && stat.state !== "X";
}

/** The process group of a process; undefined when it is gone, or on a platform that does not tell. */
export function groupOf(pid: number): number | undefined {
  const group = statOf(pid)?.group;
  return group === undefined ? undefined : Number(group);
}

/** Whether a process group has a member that is not a zombie; zombies stay as long as nobody collects them. */
export function isGroupAlive(group: number): boolean {
  if (!exists(-group)) return false;
  const pids = orNull(() => readdirSync("/proc").filter((name) => /^\d+$/.test(name)));
  if (pids === null) return true; // a platform without /proc: the system's word has to do
  return pids.some((pid) => {
    const stat = statOf(Number(pid));
    return stat?.group === String(group) && stat.state !== "Z" && stat.state !== "X";
  });
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (e) {
    return systemCode(e) === "EPERM"; // it is there and belongs to another user
  }
}

function startTimeOf(pid: number): string | null {
  return statOf(pid)?.startTime ?? null;
}

interface ProcessStat {
  readonly state: string | undefined;
  readonly group: string | undefined;
  readonly startTime: string | null;
}

/** Fields 3, 5 and 22 of proc(5)'s stat, counted from the last ")" because the program's name (field 2) may hold anything. */
function statOf(pid: number): ProcessStat | null {
  return orNull(() => {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0], group: fields[2], startTime: fields[19] ?? null };
  });
}

function orNull<T>(f: () => T): T | null {
  try {
    return f();
  } catch {
    return null;
  }
}
