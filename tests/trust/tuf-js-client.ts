// tuf-js as a rival opinion: its own metadata folder, over a real HTTP server on loopback.
// Must not: read anything into its verdicts; what it says is what it says.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Updater } from "tuf-js";
import type { Rival, RivalClient } from "./rival.ts";
import { tempFolder } from "../support/temp-folder.ts";

export const tufJs: Rival = { name: "tuf-js", createClient: createTufJsClient, close: () => Promise.resolve() };

function createTufJsClient(url: string, pinnedRoot: Uint8Array): RivalClient {
  const metadataDir = tempFolder("tuf-js");
  writeFileSync(join(metadataDir, "root.json"), pinnedRoot);
  const version = (role: string): unknown =>
    JSON.parse(readFileSync(join(metadataDir, `${role}.json`), "utf8")).signed.version;
  return {
    async update(targetPath) {
      try {
        const updater = new Updater({ metadataDir, metadataBaseUrl: `${url}/metadata`, config: { fetchRetries: 0 } });
        await updater.refresh();
        const target = await updater.getTargetInfo(targetPath);
        const versions = ["root", "timestamp", "snapshot", "targets"].map(version).join(" ");
        if (target === undefined) return { said: "accepted, absent", versions, why: "" };
        return { said: `accepted, found ${target.hashes["sha256"]}`, versions, why: "" };
      } catch (e) {
        return { said: "refused", versions: "", why: String(e).slice(0, 300) };
      }
    },
    close: () => rmSync(metadataDir, { recursive: true, force: true }),
  };
}
