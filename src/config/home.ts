// The home folder: where everything of one node lives. Design: "State on disk" of docs/architecture.md.
// Must not: read or write anything but the folders themselves.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { asUpdateError } from "../errors.ts";

export interface Home {
  readonly dir: string;
  readonly configFile: string;
  readonly trustDir: string;
  readonly trustFile: string;
  /** Proven artifacts: the cache. */
  readonly packagesDir: string;
  /** Artifacts in flight. */
  readonly partialDir: string;
  readonly alertsFile: string;
  readonly acknowledgedAlertsFile: string;
  /** What runs on this node. */
  readonly currentFile: string;
  /** A link to the version that runs, for people; nothing reads it. */
  readonly currentLink: string;
  /** Staged versions, a folder each. */
  readonly versionsDir: string;
  /** The switch in progress. */
  readonly journalFile: string;
  /** What was tried and did not start. */
  readonly failedFile: string;
  /** Held while versions are staged, switched or removed. */
  readonly activationLock: string;
  /** Held while a version is made ready; a switch does not wait for it. */
  readonly stagingLock: string;
  /** Held by the one process that stays with the network. */
  readonly daemonLock: string;
  /** Held by the one supervisor. */
  readonly runLock: string;
  /** The node's process. */
  readonly childFile: string;
  /** What an operator asks the supervisor for. */
  readonly requestFile: string;
  /** What mirrors were worth so far. */
  readonly healthFile: string;
  /** The signed list of mirrors, as it was last fetched. */
  readonly signedMirrorsFile: string;
  /** The key by which peers know this node again. */
  readonly identityFile: string;
  /** Where peers answered. */
  readonly knownPeersFile: string;
  /** What the long-running node is doing. */
  readonly nodeReportFile: string;
}

export function homeAt(dir: string): Home {
  return {
    dir,
    configFile: join(dir, "config.json"),
    trustDir: join(dir, "trust"),
    trustFile: join(dir, "trust", "state.json"),
    packagesDir: join(dir, "packages"),
    partialDir: join(dir, "partial"),
    alertsFile: join(dir, "alerts.log"),
    acknowledgedAlertsFile: join(dir, "alerts.acknowledged.log"),
    currentFile: join(dir, "current.json"),
    currentLink: join(dir, "current"),
    versionsDir: join(dir, "versions"),
    journalFile: join(dir, "journal.json"),
    failedFile: join(dir, "failed-switches.json"),
    activationLock: join(dir, "activation.lock"),
    stagingLock: join(dir, "staging.lock"),
    daemonLock: join(dir, "daemon.lock"),
    runLock: join(dir, "run.lock"),
    childFile: join(dir, "child.json"),
    requestFile: join(dir, "switch-request.json"),
    healthFile: join(dir, "mirror-health.json"),
    signedMirrorsFile: join(dir, "trust", "mirrors.json"),
    identityFile: join(dir, "gossip", "identity.pem"),
    knownPeersFile: join(dir, "gossip", "peers.json"),
    nodeReportFile: join(dir, "gossip", "node.json"),
  };
}

/** Creates the folders that are missing. @throws UpdateError E_IO, E_DISK_FULL */
export async function createHome(home: Home): Promise<void> {
  try {
    for (const dir of [home.dir, home.trustDir, home.packagesDir, home.partialDir]) {
      // Whoever can write there decides what is executed: not the group, whatever the umask says.
      await mkdir(dir, { recursive: true, mode: 0o755 });
    }
  } catch (e) {
    throw asUpdateError(e, "E_IO");
  }
}
