import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { Bell } from "../../../../src/cli/daemon/daemon-bell.ts";
import { createBell } from "../../../../src/cli/daemon/daemon-bell.ts";
import { createDownloader } from "../../../../src/cli/daemon/daemon-download.ts";
import { changeConfig } from "../../../../src/config/config.ts";
import { homeAt } from "../../../../src/config/home.ts";
import { createHomeTrustStore } from "../../../../src/config/trust-store.ts";
import { type ErrorCode, UpdateError } from "../../../../src/errors.ts";
import type { Download } from "../../../../src/fetch/download.ts";
import { pinRoot } from "../../../../src/trust/client.ts";
import { platformName } from "../../../../src/trust/naming.ts";
import { daemonParts } from "../../../support/daemon-parts.ts";
import { createReleaseRepository, PLATFORM } from "../../../support/release-repository.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { strictClock, updated } from "../../../support/trust-client.ts";

const skip = platformName(process.platform, process.arch) === PLATFORM ? false : `the release is for ${PLATFORM}`;
const nowMs = Date.now();
const repository = createReleaseRepository({ seed: "daemon download", nowMs });
await repository.addRelease("1.0.0");
repository.publish();
const state = updated(pinRoot(repository.pinnedRoot), repository.files(), strictClock(nowMs));

/** @param outcomes of the tries, one after the other; undefined for a download @returns the problem after each */
async function problemsAfter(...outcomes: readonly (ErrorCode | undefined)[]): Promise<(string | undefined)[]> {
  const home = homeAt(tempFolder("daemon-download")), stop = new AbortController(), { signal } = stop;
  await createHomeTrustStore(home.trustFile).save(state, "complete", { signal });
  await changeConfig(home, { signal }, (c) => ({ ...c, autoUpdate: { ...c.autoUpdate, enabled: true } }));
  const parts = daemonParts({ home: home.dir, signal });
  const problems: (string | undefined)[] = [];
  let tries = 0;
  const bell: Bell = {
    ring() {},
    wait() {
      if (tries > 0) problems.push(downloader.problem());
      if (tries === outcomes.length) stop.abort();
      return Promise.resolve(false);
    },
  };
  const downloader = createDownloader(parts.context, parts.args, {
    fetch() {
      const code = outcomes[tries++];
      if (code !== undefined) return Promise.reject(new UpdateError(code, "why"));
      return Promise.resolve({} as Download); // nothing of it is looked at
    },
    bell,
    changes: createBell(),
    log: parts.log,
  });
  await downloader.run();
  return problems;
}

test("a full disk is a problem after three downloads in a row, until one succeeds", { skip }, async () => {
  const full = "E_DISK_FULL";
  const [first, second, third, fourth, ...rest] = await problemsAfter(full, full, full, full, undefined, full);
  assert.deepEqual([first, second, ...rest], [undefined, undefined, undefined, undefined]);
  assert.equal(third, "a download has failed 3 times in a row: E_DISK_FULL: why");
  assert.match(fourth ?? "", / 4 times in a row/);
});

test("that nobody gives it is for the network to mend", { skip }, async () => {
  const away = "E_UNREACHABLE";
  assert.deepEqual(await problemsAfter(away, away, away, away), [undefined, undefined, undefined, undefined]);
});
