// Starts mirrors that measurements and tests ask from outside, each in a process of its own, so that their work is not
// done by whoever asks: nginx where there is one, mirror-program.ts where it must be limited, count, lie or die.
// Must not: judge what they counted.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { runtimes } from "../runtimes/runtimes.ts";
import type { MirrorCounts, MirrorOptions } from "./mirror-program.ts";
import { startNginx } from "./nginx.ts";

export interface ServedFolder {
  readonly url: string;
  stop(): Promise<void>;
}

export interface MirrorProcess extends ServedFolder {
  counts(): Promise<MirrorCounts>;
}

/** Serves a folder on loopback as fast as it goes, with ranges. */
export async function serveFolder(folder: string): Promise<ServedFolder> {
  return await startNginx(folder) ?? await startMirror(folder);
}

export async function startMirror(folder: string, o: MirrorOptions = {}): Promise<MirrorProcess> {
  const script = fileURLToPath(new URL("./mirror-program.ts", import.meta.url));
  // Node's streams are the fastest of all at this, so that the server is not what is measured.
  const runtime = runtimes().find((r) => r.name === "node24") ?? runtimes()[0];
  if (runtime === undefined) throw new Error("there is no runtime to serve with");
  const [program, ...args] = runtime.fileCommand(script, [folder, JSON.stringify(o)]);
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error("the mirror has ended");
    return value;
  };
  const url = await nextLine();
  return {
    url,
    async counts() {
      child.stdin.write("counts\n");
      return JSON.parse(await nextLine()) as MirrorCounts; // the program's own line
    },
    stop: () => ended(child),
  };
}

/** Ends a child that ends when it is told. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill();
  await gone;
}
