// The stage of the library's tests: a TUF repository served over loopback, which remembers what it was asked for, and
// clients with folders of their own. Everything is closed and removed at the end of the test file.
// Must not: judge anything.
import { readdir, readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { after } from "node:test";
import { createTufClient, type TufClient, type TufClientOptions } from "../../dchat-update.ts";
import { startHttpServer, type TestServer } from "../support/http-server.ts";
import { parseFile } from "../support/signed-file.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { createTufRepository, type TufRepository, type TufRepositoryOptions } from "../support/tuf-repository.ts";

/** Answers one path in place of the repository: other bytes, undefined for "not there", or by hand. */
export type Lie =
  | Uint8Array
  | undefined
  | ((request: IncomingMessage, response: ServerResponse) => void);

export interface TufScene {
  readonly repo: TufRepository;
  readonly url: string;
  /** By path as it is asked for, such as `timestamp.json` or `targets/…`. */
  readonly lies: Map<string, Lie>;
  /** Every path asked for since the last call, in order; metadata without its folder. */
  takeAsked(): string[];
  client(o?: Partial<TufClientOptions>): SceneClient;
}

export interface SceneClient extends TufClient {
  readonly metadataDir: string;
  readonly targetsDir: string;
  /** Version by role name as it stands on disk. */
  trusted(): Promise<Record<string, number>>;
  /** A file of the metadata folder. */
  stored(file: string): Promise<Uint8Array>;
}

const servers: TestServer[] = [];
const clients: TufClient[] = [];
after(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await Promise.all(servers.map((server) => server.close()));
});

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

export async function createTufScene(o: TufRepositoryOptions): Promise<TufScene> {
  const repo = createTufRepository(o);
  const lies = new Map<string, Lie>();
  let asked: string[] = [];
  const server = await startHttpServer((request, response) => {
    const path = (request.url ?? "").slice(1);
    const shown = path.replace(/^metadata\//, "");
    asked.push(shown);
    const lie = lies.get(shown);
    if (typeof lie === "function") return lie(request, response);
    const files = repo.files();
    const bytes = lies.has(shown) ? lie : files.get(path) ?? files.get(decodeURIComponent(path));
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  servers.push(server);
  const folder = tempFolder("library");
  let count = 0;
  return {
    repo,
    url: server.url,
    lies,
    takeAsked() {
      const taken = asked;
      asked = [];
      return taken;
    },
    client(more = {}) {
      const metadataDir = join(folder, String(++count), "metadata");
      const options = {
        metadataDir,
        metadataUrls: [`${server.url}/metadata`],
        targetsUrl: `${server.url}/targets`,
        ...more,
      };
      const client = createTufClient(options);
      clients.push(client);
      return {
        ...client,
        metadataDir: options.metadataDir,
        targetsDir: join(folder, String(count), "targets"),
        trusted: () => trustedIn(options.metadataDir),
        stored: (file) => readFile(join(options.metadataDir, file)).then((b) => new Uint8Array(b)),
      };
    },
  };
}

/** Files of a folder; empty when there is no folder. */
export async function filesIn(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true }).catch(() => [])).sort();
}

async function trustedIn(folder: string): Promise<Record<string, number>> {
  const versions: [string, number][] = [];
  for (const file of (await filesIn(folder)).filter((name) => name.endsWith(".json"))) {
    const { signed } = parseFile(await readFile(join(folder, file)));
    versions.push([file.slice(0, -".json".length), Number(signed["version"])]);
  }
  return Object.fromEntries(versions);
}
