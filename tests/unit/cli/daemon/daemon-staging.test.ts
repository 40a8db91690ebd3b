import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { createBell } from "../../../../src/cli/daemon/daemon-bell.ts";
import { createStager } from "../../../../src/cli/daemon/daemon-staging.ts";
import { openAlerts } from "../../../../src/config/alerts.ts";
import { homeAt } from "../../../../src/config/home.ts";
import { daemonParts } from "../../../support/daemon-parts.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

test("a home in which nothing can be looked up is a problem and an alert, said once until it changes", async () => {
  const home = homeAt(tempFolder("staging")), stop = new AbortController();
  const parts = daemonParts({ home: home.dir, signal: stop.signal });
  let looks = 0;
  const bell = createBell();
  const stager = createStager(parts.context, parts.args, {
    fetch: () => Promise.reject(new Error("nothing is approved here")),
    bell: {
      ...bell,
      wait() {
        looks++;
        if (looks === 3) rmSync(home.configFile); // what is wrong now is that nobody pinned a root
        if (looks === 6) stop.abort();
        return Promise.resolve(true);
      },
    },
    changes: createBell(),
    log: parts.log,
    preflight: undefined,
    onLooked() {},
  });
  assert.equal(stager.problem(), undefined);
  writeFileSync(home.configFile, "{");
  await stager.run();
  assert.equal(looks, 6);
  assert.match(stager.problem() ?? "", /E_NOT_INITIALIZED: .* has no trust root/);
  assert.deepEqual((await openAlerts(home)).map((a) => a.code), ["E_STATE_CORRUPT", "E_NOT_INITIALIZED"]);
  assert.equal(parts.lines().length, 2, parts.lines().join("\n"));
});
