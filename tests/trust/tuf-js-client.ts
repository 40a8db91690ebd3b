// tuf-js as a rival opinion: its own metadata folder, over a real HTTP server on loopback.
// Must not: read anything into its verdicts; what it says is what it says.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Updater } from "tuf-js";
import { startHttpServer } from "../support/http-server.ts";
import type { Files } from "../attack/random-repository.ts";

/** What a client says of what it is served: refused, or accepted with what it found under the path. */
export interface Verdict {
  readonly said: "refused" | "accepted, absent" | `accepted, found ${string}`;
  /** Versions of root, timestamp, snapshot and targets after an accepted update; empty after a refused one. */
  readonly versions: string;
  /** For people. */
  readonly why: string;
}

/** A server of many repositories, each below `/<name>/`. */
export interface RepositoryServer {
  readonly url: string;
  serve(name: string, files: Files): void;
  close(): Promise<void>;
}

export async function startRepositoryServer(): Promise<RepositoryServer> {
  const repositories = new Map<string, Files>();
  const server = await startHttpServer((request, response) => {
    const [, name = "", path = ""] = /^\/([^/]*)\/(.*)$/.exec(request.url ?? "") ?? [];
    const bytes = repositories.get(name)?.get(path);
    if (bytes === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-length": bytes.length }).end(bytes);
  });
  return {
    url: server.url,
    serve: (name, files) => void repositories.set(name, files),
    close: () => server.close(),
  };
}

export interface RivalClient {
  update(targetPath: string): Promise<Verdict>;
  close(): void;
}

export function createTufJsClient(url: string, pinnedRoot: Uint8Array): RivalClient {
  const metadataDir = mkdtempSync(join(tmpdir(), "tuf-js-"));
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
