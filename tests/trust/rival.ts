// What another TUF client is to a test: something that is served files over HTTP and says what it thinks of them.
// Must not: know any client.
import type { Files } from "../attack/random-repository.ts";
import { startHttpServer } from "../support/http-server.ts";

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

/** A client with a memory of its own. */
export interface RivalClient {
  /** Updates from the server and looks the path up. */
  update(targetPath: string): Promise<Verdict>;
  close(): void;
}

/** Makes clients of one kind. */
export interface Rival {
  readonly name: string;
  /** @param url where the repository is served: metadata below `metadata/` */
  createClient(url: string, pinnedRoot: Uint8Array): RivalClient;
  close(): Promise<void>;
}
