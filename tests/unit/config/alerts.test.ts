// The alerts of a home: none is lost, whatever happened to the one before. docs/formats.md, alerts.log.
import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { acknowledgeAlerts, openAlerts, raiseAlert } from "../../../src/config/alerts.ts";
import { createHome, type Home, homeAt } from "../../../src/config/home.ts";
import { UpdateError } from "../../../src/errors.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function newHome(): Promise<Home> {
  const folder = tempFolder("alerts");
  folders.push(folder);
  const home = homeAt(join(folder, "home"));
  await createHome(home);
  return home;
}

const raise = (home: Home, source: string) =>
  raiseAlert(home, Date.UTC(2026, 0, 31), source, "dchat", new UpdateError("E_HASH_MISMATCH", "other bytes"));
const sources = async (home: Home) => (await openAlerts(home)).map((a) => a.source);

test("an alert behind one that was torn by a crash or a full disk is not lost", async () => {
  const home = await newHome();
  await raise(home, "first");
  const whole = readFileSync(home.alertsFile).length;
  for (const cut of [1, 20, whole - 1]) {
    rmSync(home.alertsFile);
    await raise(home, "first");
    truncateSync(home.alertsFile, cut);
    await raise(home, "second");
    await raise(home, "third");
    assert.deepEqual((await sources(home)).filter((s) => s !== "first"), ["second", "third"], `cut at ${cut}`);
  }
});

test("alerts of several at once all arrive, a line each", async () => {
  const home = await newHome();
  const names = Array.from({ length: 40 }, (_, i) => `mirror ${i}`);
  await Promise.all(names.map((name) => raise(home, name)));
  assert.deepEqual((await sources(home)).toSorted(), names.toSorted());
});

test("acknowledging gives just what it sets aside, and what comes later is open", async () => {
  const home = await newHome();
  assert.deepEqual(await acknowledgeAlerts(home), []);
  assert.equal(existsSync(home.acknowledgedAlertsFile), false);
  await raise(home, "seen");
  assert.deepEqual((await acknowledgeAlerts(home)).map((a) => a.source), ["seen"]);
  await raise(home, "later");
  assert.deepEqual(await sources(home), ["later"]);
});

test("a log that is full is set aside, so that a liar cannot fill the disk", async () => {
  const home = await newHome();
  writeFileSync(home.alertsFile, "x".repeat(1 << 20));
  appendFileSync(home.alertsFile, "\n");
  await raise(home, "one more");
  assert.deepEqual(await sources(home), ["one more"]);
  assert.ok(readFileSync(home.acknowledgedAlertsFile).length > 1 << 20);
});
