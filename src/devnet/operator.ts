// The act of an operator who does all of it by hand, with a lying and a dead mirror, and of lies that are caught without a
// network. Design: docs/devnet.md. Must not: use anything but the product's commands and their words.
import { copyFile, open } from "node:fs/promises";
import { join } from "node:path";
import type { Network } from "./network.ts";
import { FIRST_VERSION } from "./network.ts";
import { mustHold, type Step } from "./scenario.ts";

/** @param show what is shown of a command where somebody looks on */
export function operatorSteps(n: Network, version: string, show: (...lines: string[]) => void): Step[] {
  const act = "an operator by hand";
  const home = ["--home", join(n.folder, "operator")];
  const nameOf = (v: string) => `dchat-${v}-${n.platform}.tar.gz`;
  const cached = join(n.folder, "operator", "packages", nameOf(version));
  const renamed = join(n.folder, nameOf(version));

  /** A command that must end with this code and say this. @returns what it said */
  async function does(args: readonly string[], code = 0, says = /(?:)/): Promise<string> {
    const { stdout, stderr } = await n.dchat(args, code);
    const said = `${stdout}${stderr}`, shown = args.map((a) => a.replaceAll(n.folder, "...")).join(" ");
    show(`  $ dchat-update ${shown}`, ...said.trimEnd().split("\n").map((line) => `    ${line}`));
    mustHold(says.test(said), `dchat-update ${shown} did not say ${says}: ${said}`);
    return said;
  }

  /** Without a network and without a home. */
  const trust = ["--bundle", join(n.repo, "bundle.json"), "--home", join(n.folder, "nobody")];
  const root = ["--root", n.root];

  return [{
    act,
    claim: "of three mirrors one is dead, and what is newer is found all the same",
    async run() {
      await does(["init", "--repo", n.honest, ...root, ...home]);
      for (const [url, priority] of [[n.liar, "10"], [n.dead, "20"]] as const) {
        await does(["add-mirror", "--url", url, "--mirror-type", "https", "--priority", priority, ...home]);
      }
      await does(["test-mirrors", ...home], 0, /2\/3 mirrors operational/);
      await does(["list-versions", ...home], 0, new RegExp(FIRST_VERSION.replaceAll(".", "\\.")));
      const newer = new RegExp(`${version.replaceAll(".", "\\.")} .*New version available!`);
      await does(["check", "--current", FIRST_VERSION, "--exit-code", ...home], 100, newer);
      return `2/3 mirrors operational, ${version} available`;
    },
  }, {
    act,
    claim: "the mirror that lies is asked first, refused and remembered; another one gives what is proven",
    async run() {
      await does(["download", "--version", version, ...home], 0, /was refused/);
      await does(["verify", "--package", cached, "--version", version, ...home], 0, /Package verified successfully/);
      await does(["alerts", ...home], 0, /E_HASH_MISMATCH/);
      await does(["list-mirrors", ...home], 0, /has lied: asked last until/);
      return `mirror-b, ${n.liar}, is asked last from now on`;
    },
  }, {
    act,
    claim: "lies are caught without a network: another name, one bit, another trust root",
    async run() {
      const verify = ["verify", "--package", renamed, ...trust];
      await copyFile(join(n.folder, `node-${FIRST_VERSION}.tar.gz`), renamed);
      await does([...verify, ...root], 30);
      await copyFile(cached, renamed);
      await n.piped([...verify, ...root]);
      await flipBit(renamed);
      await does([...verify, ...root], 30, /E_HASH_MISMATCH/);
      await does([...verify, "--root-sha256", "0".repeat(64)], 32);
      return "each refused, and the genuine file proven by a program that came through a pipe";
    },
  }];
}

async function flipBit(path: string): Promise<void> {
  const file = await open(path, "r+");
  const { buffer } = await file.read(new Uint8Array(1), 0, 1, 4096);
  await file.write(buffer.map((byte) => byte ^ 1), 0, 1, 4096);
  await file.close();
}
