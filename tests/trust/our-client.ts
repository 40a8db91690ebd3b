// Our own client as the rival test drives it: the pure functions over the same files, its state as bytes in between.
// Must not: know anything of rivals but the shape of a verdict.
import { pinRoot, type TrustState } from "../../src/trust/client.ts";
import { restoreTrust, storedTrust } from "../../src/trust/stored-trust.ts";
import type { Files } from "../attack/random-repository.ts";
import { strictClock, update } from "../support/trust-client.ts";
import type { Verdict } from "./rival.ts";

export interface OurClient {
  update(files: Files, targetPath: string): Verdict;
}

export function createOurClient(pinnedRoot: Uint8Array): OurClient {
  let state: TrustState | undefined;
  let updates = 0;
  return {
    update(files, targetPath) {
      try {
        state ??= pinRoot(pinnedRoot);
        // Every other update goes on from what a disk would give back.
        if (updates++ % 2 === 1) state = restoreTrust(storedTrust(state));
        const attempt = update(state, files, strictClock(Date.now()), targetPath);
        state = attempt.state;
        if (attempt.error !== undefined) {
          return { said: "refused", versions: "", why: `${attempt.error.code}: ${attempt.error.message}` };
        }
        const { root, timestamp, snapshot, targets } = attempt.state;
        const versions = [root, timestamp, snapshot, targets.get("targets")].map((t) => t?.signed.version).join(" ");
        const found = attempt.value?.kind === "found" ? attempt.value.target : undefined;
        if (found === undefined) return { said: "accepted, absent", versions, why: "" };
        return { said: `accepted, found ${found.hashes.sha256}`, versions, why: "" };
      } catch (e) {
        return { said: "refused", versions: "", why: String(e) };
      }
    },
  };
}
