import assert from "node:assert/strict";
import { test } from "node:test";
import { wantedUpdate } from "../../../../src/cli/daemon/wanted-update.ts";
import { type AutoUpdate, DEFAULT_CONFIG } from "../../../../src/config/config.ts";
import { pinRoot } from "../../../../src/trust/client.ts";
import { listReleases } from "../../../../src/trust/releases.ts";
import { createReleaseRepository, PLATFORM } from "../../../support/release-repository.ts";
import { strictClock, updated } from "../../../support/trust-client.ts";

const NOW = Date.UTC(2026, 0, 1);
const repository = createReleaseRepository({ seed: "wanted update", nowMs: NOW });
await repository.addRelease("1.0.0");
await repository.addRelease("1.2.0", { custom: { security: true } });
await repository.addRelease("1.10.0");
await repository.addRelease("2.0.0-beta.1", { custom: { channel: "beta" } });
repository.publish();
const state = updated(pinRoot(repository.pinnedRoot), repository.files(), strictClock(NOW));
const { artifacts } = listReleases(state, strictClock(NOW));

function wanted(settings: Partial<AutoUpdate>, current?: string, platform = PLATFORM): string | undefined {
  const all = { ...DEFAULT_CONFIG.autoUpdate, enabled: true, ...settings };
  return wantedUpdate(artifacts, platform, all, current)?.version;
}

test("the newest of the channel, by the order of versions", () => {
  assert.equal(wanted({}), "1.10.0");
  assert.equal(wanted({ channel: "beta" }), "2.0.0-beta.1");
});

test("nothing without auto-update, or without background downloads", () => {
  assert.equal(wanted({ enabled: false }), undefined);
  assert.equal(wanted({ backgroundDownload: false }), undefined);
});

test("nothing that is not newer than what runs", () => {
  assert.equal(wanted({}, "1.2.0"), "1.10.0");
  assert.equal(wanted({}, "1.10.0"), undefined);
  assert.equal(wanted({}, "3.0.0"), undefined);
});

test("security updates alone, where only those are wanted", () =>
  assert.equal(wanted({ securityOnly: true }), "1.2.0"));

test("a pin allows its version alone", () => {
  assert.equal(wanted({ pin: "1.2.0" }), "1.2.0");
  assert.equal(wanted({ pin: "1.2.0" }, "1.2.0"), undefined);
  assert.equal(wanted({ pin: "9.9.9" }), undefined);
});

test("a pin decides alone: its version may be of another channel, and no security update", () => {
  assert.equal(wanted({ pin: "2.0.0-beta.1" }), "2.0.0-beta.1");
  assert.equal(wanted({ pin: "1.10.0", securityOnly: true }), "1.10.0");
  assert.equal(wanted({ pin: "1.10.0", securityOnly: true }, "1.10.0"), undefined);
  assert.equal(wanted({ pin: "2.0.0-beta.1" }, undefined, "macos-arm64"), undefined);
});

test("nothing of another platform", () => assert.equal(wanted({}, undefined, "macos-arm64"), undefined));
