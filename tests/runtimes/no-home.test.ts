// Users without a home folder, on every runtime: what needs none works, the rest says what to do. README, "Five minutes
// in a pipeline".
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { BUNDLE, publishRelease } from "../support/release-fixture.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { type Runtime, runtimes } from "./runtimes.ts";

const temp = tempFolder("no-home");
const folder = tempFolder("elsewhere");
const file = join(temp, "dchat");
writeFileSync(file, Buffer.alloc(100_000, "dchat"));
const { bundle, root } = publishRelease(temp, file);
after(() => {
  for (const dir of [temp, folder]) rmSync(dir, { recursive: true });
});

/** As somebody of whom the system knows no home: a user namespace gives such a number to whoever we are. */
const STRANGER = ["unshare", "--user", "--map-user=54321", "env", "-u", "HOME", "-u", "DCHAT_HOME"];
const canBeStranger = spawnSync(STRANGER[0] ?? "", [...STRANGER.slice(1), "true"]).status === 0;
if (!canBeStranger) console.warn("skipped: no user namespace can be made here");

function run(runtime: Runtime, under: readonly string[], args: readonly string[], env: Record<string, string>) {
  const [program = "", ...all] = [...under, ...runtime.fileCommand(BUNDLE, args)];
  const { status, stdout, stderr } = spawnSync(program, all, {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1", DENO_DIR: join(temp, "deno"), ...env },
  });
  return { status, stdout, stderr };
}

for (const runtime of runtimes()) {
  test(`${runtime.name}: an empty HOME is none: the user's own folder counts, never the current one`, () => {
    const { stdout, stderr } = run(runtime, [], ["show-config", "--json"], { HOME: "" });
    assert.equal(JSON.parse(stdout).home, join(userInfo().homedir, ".dchat"), stderr);
    assert.equal(existsSync(join(folder, ".dchat")), false);
  });

  if (canBeStranger) {
    test(`${runtime.name}: who has no home can prove a file by a bundle`, () => {
      const what = ["--package", file, "--version", "1.0.0", "--platform", "linux-x64"];
      const { status, stdout, stderr } = run(
        runtime,
        STRANGER,
        ["verify", ...what, "--bundle", bundle, "--root", root],
        {},
      );
      assert.equal(status, 0, stderr);
      assert.match(stdout, /Package verified successfully/);
      assert.equal(run(runtime, STRANGER, ["version", "--json"], {}).status, 0);
    });

    test(`${runtime.name}: who has no home is told to say where it shall be`, () => {
      for (const args of [["check"], ["verify", "--package", file], ["alerts"]]) {
        const { status, stderr } = run(runtime, STRANGER, args, {});
        assert.equal(status, 2, stderr);
        assert.match(
          stderr,
          /^error E_USAGE: there is no home folder[^\n]*\n {2}say where it is to be: --home DIR, or DCHAT_HOME\n$/,
        );
      }
      assert.equal(run(runtime, STRANGER, ["show-config", "--home", join(temp, "said")], {}).status, 0);
    });
  }
}
