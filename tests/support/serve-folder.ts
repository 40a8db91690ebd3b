// Starts static-server.ts on the fastest runtime there is, and ends it.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { runtimes } from "../runtimes/runtimes.ts";

export interface ServedFolder {
  readonly url: string;
  stop(): Promise<void>;
}

/** Serves a folder on loopback from a process of its own. */
export async function serveFolder(folder: string): Promise<ServedFolder> {
  const script = fileURLToPath(new URL("./static-server.ts", import.meta.url));
  // Node's streams are the fastest of all at this, so that the server is not what is measured.
  const runtime = runtimes().find((r) => r.name === "node24") ?? runtimes()[0];
  if (runtime === undefined) throw new Error("there is no runtime to serve with");
  const [program, ...args] = runtime.fileCommand(script, [folder]);
  const child: ChildProcess = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  if (child.stdout === null) throw new Error("its standard output is a pipe");
  const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (first.done) throw new Error("the server did not start");
  return {
    url: first.value,
    async stop() {
      const gone = once(child, "exit");
      child.kill();
      await gone;
    },
  };
}
