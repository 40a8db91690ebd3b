// The systemd units that `daemon --print-systemd` and `run --print-systemd` print. Design: docs/gossip.md; "systemd" of
// docs/activation.md.
// Must not: write anything to the disk.
import { statSync } from "node:fs";
import { userInfo } from "node:os";
import { UpdateError } from "../errors.ts";
import { PROXY_VARIABLES } from "../net/proxy-env.ts";

/** What a command line takes from where it is given. */
export interface UnitPlace {
  /** Absolute path; the only one a daemon writes to. */
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute path, where commands of the operator's may have relative names; undefined without such. */
  readonly folder: string | undefined;
}

/**
 * @param command program and arguments
 * @throws UpdateError E_USAGE for what a unit file cannot hold
 */
export function daemonUnit(command: readonly string[], place: UnitPlace): string[] {
  return [
    "[Unit]",
    "Description=dchat-update: hears of releases, proves them, passes them on",
    "Wants=network-online.target",
    "After=network-online.target",
    "",
    "[Service]",
    `ExecStart=${command.map(commandWord).join(" ")}`,
    ...placeLines(place),
    "Restart=on-failure",
    "RestartSec=5",
    "# Usage, no trust root, damaged state: to start again does not help. Nor does it where `run` or another daemon does",
    "# this work on the home: with that one, this unit is one too many.",
    "RestartPreventExitStatus=2 42 43 44",
    "TimeoutStopSec=20",
    ...userOf(place.home),
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
    `ReadWritePaths=${word(`-${place.home}`)}`,
    "",
    "[Install]",
    "WantedBy=multi-user.target",
  ];
}

/**
 * The unit of a supervised node: only `run` is told to end, and passes it on; what is left is killed when the time is up.
 * What the node itself may do is its operator's to restrict.
 * @param stopSeconds how long that may take
 * @throws UpdateError E_USAGE for what a unit file cannot hold
 */
export function nodeUnit(command: readonly string[], place: UnitPlace, stopSeconds: number): string[] {
  return [
    "[Unit]",
    "Description=dchat node, switched by dchat-update when governors say so",
    "Wants=network-online.target",
    "After=network-online.target",
    "",
    "[Service]",
    `ExecStart=${command.map(commandWord).join(" ")}`,
    ...placeLines(place),
    "KillMode=mixed",
    `TimeoutStopSec=${stopSeconds}`,
    "Restart=on-failure",
    "RestartSec=5",
    "# Usage, no trust root, damaged state, a version that failed beyond a hard fork: a person has to look.",
    "RestartPreventExitStatus=2 43 44 46",
    ...userOf(place.home),
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

/** Where relative names are found, and the way to the network, as they are for whoever prints the unit. */
function placeLines({ folder, env }: UnitPlace): string[] {
  const variables = PROXY_VARIABLES.map((name) => ({ name, value: env[name] ?? "" })).filter((v) => v.value !== "");
  return [
    ...(folder === undefined ? [] : [`WorkingDirectory=-${wholeLine(folder)}`]),
    ...variables.map(({ name, value }) =>
      // Everybody on the machine may read a unit.
      value.includes("@")
        ? `# ${name} is left out because it may hold a password: set it with EnvironmentFile= of this unit.`
        : `Environment=${word(`${name}=${value}`)}`
    ),
  ];
}

/** Of a command line, where a dollar sign stands for a variable. */
function commandWord(text: string): string {
  return word(text.replaceAll("$", "$$$$"));
}

/** Of any other setting: systemd reads quotes, backslashes and percent signs, and a dollar sign as itself. */
function word(text: string): string {
  const escaped = withoutSpecifiers(text);
  return /^[\w@%+=:,./$-]+$/.test(escaped) ? escaped : `"${escaped.replace(/[\\"]/g, "\\$&")}"`;
}

/** Of a setting that is no list: quotes would be part of it. A backslash at its end would join the next line to it. */
function wholeLine(text: string): string {
  if (/[\s\\]$/.test(text)) throw new UpdateError("E_USAGE", `${JSON.stringify(text)} cannot stand in a unit`);
  return withoutSpecifiers(text);
}

function withoutSpecifiers(text: string): string {
  // deno-lint-ignore no-control-regex -- a unit file has lines
  if (/[\u0000-\u001f\u007f]/.test(text)) {
    throw new UpdateError("E_USAGE", "a control character cannot stand in a unit");
  }
  return text.replaceAll("%", "%%");
}
