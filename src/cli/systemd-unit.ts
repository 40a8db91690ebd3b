// The systemd units that `daemon --print-systemd` and `run --print-systemd` print. Design: docs/gossip.md; "systemd" of
// docs/activation.md.
// Must not: write anything to the disk.
import { statSync } from "node:fs";
import { userInfo } from "node:os";
import { UpdateError } from "../errors.ts";

/**
 * @param command program and arguments
 * @param home absolute path, the only place it writes to
 * @throws UpdateError E_USAGE for what a unit file cannot hold
 */
export function daemonUnit(command: readonly string[], home: string): string[] {
  return [
    "[Unit]",
    "Description=dchat-update: hears of releases, proves them, passes them on",
    "Wants=network-online.target",
    "After=network-online.target",
    "",
    "[Service]",
    `ExecStart=${command.map(quoted).join(" ")}`,
    "Restart=on-failure",
    "RestartSec=5",
    "# Usage, no trust root, damaged state: to start again does not help.",
    "RestartPreventExitStatus=2 43 44",
    "TimeoutStopSec=20",
    ...userOf(home),
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "LockPersonality=yes",
    "PrivateTmp=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectSystem=strict",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
    // Where there is no such folder the daemon itself says so; systemd would not say why it does not start.
    `ReadWritePaths=${quoted(`-${home}`)}`,
    "",
    "[Install]",
    "WantedBy=multi-user.target",
  ];
}

/**
 * The unit of a supervised node: only `run` is told to end, and passes it on; what is left is killed when the time is up.
 * What the node itself may do is its operator's to restrict.
 * @param home absolute path
 * @param stopSeconds how long that may take
 * @throws UpdateError E_USAGE for what a unit file cannot hold
 */
export function nodeUnit(command: readonly string[], home: string, stopSeconds: number): string[] {
  return [
    "[Unit]",
    "Description=dchat node, switched by dchat-update when governors say so",
    "Wants=network-online.target",
    "After=network-online.target",
    "",
    "[Service]",
    `ExecStart=${command.map(quoted).join(" ")}`,
    "KillMode=mixed",
    `TimeoutStopSec=${stopSeconds}`,
    "Restart=on-failure",
    "RestartSec=5",
    "# Usage, no trust root, damaged state, a version that failed beyond a hard fork: a person has to look.",
    "RestartPreventExitStatus=2 43 44 46",
    ...userOf(home),
    "NoNewPrivileges=yes",
    "",
    "[Install]",
    "WantedBy=multi-user.target",
  ];
}

/**
 * Whose the home is, or who asks where there is none yet: files of another user in it would lock its owner out.
 * Nothing for root, and where users have no numbers.
 */
function userOf(home: string): string[] {
  const own = process.getuid?.();
  const owner = statSync(home, { throwIfNoEntry: false })?.uid ?? own;
  if (own === undefined || owner === undefined || owner === 0) return [];
  return [`User=${owner === own ? ownName() ?? owner : owner}`];
}

/** Undefined in a container whose user has no entry. */
function ownName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

/** systemd reads quotes, backslashes, percent and dollar signs. */
function quoted(text: string): string {
  // deno-lint-ignore no-control-regex -- a unit file has lines
  if (/[\u0000-\u001f\u007f]/.test(text)) {
    throw new UpdateError("E_USAGE", "a control character cannot stand in a unit");
  }
  const escaped = text.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w@%+=:,./$-]+$/.test(escaped) ? escaped : `"${escaped.replace(/[\\"]/g, "\\$&")}"`;
}
