// What a devnet releases: a small real server in an archive, with a payload of some mebibytes, different for each version.
// Design: docs/devnet.md. Must not: need anything on this machine but a shell and the runtime that runs the devnet.
import { createCipheriv, createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

/** "ill": it never says the right version, so that its health check fails. */
export type Manner = "well" | "ill";

/** The part of tar-stream that is used. */
export type Pack = () => {
  entry(header: { readonly name: string; readonly mode: number; readonly mtime: Date }, content: Uint8Array): unknown;
  finalize(): void;
} & AsyncIterable<unknown>;

export interface ReleaseOptions {
  readonly version: string;
  readonly manner: Manner;
  /** Program and arguments that run a JavaScript file. */
  readonly runtime: readonly string[];
  readonly pack: Pack;
}

/** What is started in the archive. */
export const ENTRYPOINT = "bin/node";

/** Some pieces of 1 MiB, so that several sources can give some; no more, because each node stores them twice. */
const PAYLOAD_BYTES = 4 << 20;

/** The bytes of a tar.gz. */
export async function releaseFile({ version, manner, runtime, pack }: ReleaseOptions): Promise<Uint8Array> {
  const tar = pack();
  const mtime = new Date(0); // the same version is the same bytes
  const encode = (text: string) => new TextEncoder().encode(text);
  tar.entry({ name: ENTRYPOINT, mode: 0o755, mtime }, encode(launcher(runtime)));
  tar.entry({ name: "lib/server.mjs", mode: 0o644, mtime }, encode(server(version, manner)));
  tar.entry({ name: "share/state.bin", mode: 0o644, mtime }, payload(version));
  tar.finalize();
  const parts: Uint8Array[] = [];
  for await (const part of tar) parts.push(part as Uint8Array); // the library's types know no chunks
  return gzipSync(Buffer.concat(parts), { level: 1 });
}

/** The runtime stands in it by its path: whoever runs the devnet has it, and perhaps not in PATH. */
function launcher(runtime: readonly string[]): string {
  const words = runtime.map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  return `#!/bin/sh\nexec ${words.join(" ")} "\${0%/*}/../lib/server.mjs" "$@"\n`;
}

/** Answers every request with its version and process; that is what its health check asks for. */
function server(version: string, manner: Manner): string {
  const said = manner === "well" ? version : `${version}, which is ill`;
  return `// A node of a devnet, ${version}.
import { createServer } from "node:http";
import process from "node:process";
const server = createServer((_, answer) => {
  answer.setHeader("connection", "close");
  answer.end(JSON.stringify({ version: ${JSON.stringify(said)}, pid: process.pid }));
}).listen(Number(process.argv[2]), "127.0.0.1");
for (const name of ["SIGTERM", "SIGINT"]) {
  process.on(name, () => {
    server.close();
    server.closeAllConnections();
  });
}
`;
}

/** Bytes that do not compress. */
function payload(version: string): Uint8Array {
  const key = createHash("sha256").update(version).digest().subarray(0, 16);
  return createCipheriv("aes-128-ctr", key, new Uint8Array(16)).update(new Uint8Array(PAYLOAD_BYTES));
}
