// The lie told by one's own disk: a cached artifact or the trusted state was altered behind our back. The disk is as
// untrusted as any mirror: what does not verify is not used, and what can be fetched again is.
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { requireError, requireProvenPackages } from "../support/caught.ts";
import { altered, extended } from "../support/lying-bytes.ts";
import { nameOf } from "../support/release-repository.ts";
import { createRelease, createStage } from "../support/scene.ts";

const stage = await createStage();
const { repository, content } = await createRelease("altered home");
const files = repository.files();
const DOWNLOAD = ["download", "--version", "1.0.0", "--platform", "linux-x64"] as const;

for (
  const [title, bytes] of [
    ["altered", altered(content, "middle")],
    ["shorter", content.subarray(0, -1)],
    ["longer", extended(content, 1)],
  ] as const
) {
  test(`a cached artifact that is ${title} is replaced by the genuine one, and given to nobody before`, async () => {
    const { operator, liar, digests } = await stage.scene(repository, files);
    const cached = join(operator.home, "packages", nameOf("1.0.0")), output = join(operator.dir, "output");
    writeFileSync(cached, bytes);
    liar.serve(new Map());
    const { code } = await operator.run(...DOWNLOAD, "--output", output);
    assert.notEqual(code, 0);
    assert.ok(!existsSync(output), "it was given away");
    liar.serve(files);
    await operator.succeed(...DOWNLOAD, "--output", output);
    requireProvenPackages(operator.snapshot().packages, digests);
    assert.ok(readFileSync(output).equals(content));
  });
}

const CHANGES: Readonly<Record<string, (state: string) => string>> = {
  "a digest in its targets was altered": (s) => s.replace(/(sha256\\": \\")[0-9a-f]{8}/, "$100000000"),
  "the version of its timestamp was altered": (s) => s.replace(/(timestamp\\",[^]*?version\\": )(\d+)/, "$19$2"),
  "its targets were taken out": (s) => JSON.stringify({ ...JSON.parse(s), targets: {} }),
};

for (const [title, change] of Object.entries(CHANGES)) {
  test(`a state of which ${title} vouches for nothing, and the next check mends it`, async () => {
    const { operator, liar } = await stage.scene(repository, files);
    const file = join(operator.home, "trust", "state.json"), before = operator.snapshot().state;
    const changed = change(before);
    assert.notEqual(changed, before);
    writeFileSync(file, changed);
    const artifact = join(operator.dir, nameOf("1.0.0"));
    writeFileSync(artifact, content);
    requireError(await operator.run("verify", "--package", artifact), "E_NOT_INITIALIZED");
    liar.serve(files);
    await operator.succeed("check");
    assert.ok(operator.snapshot().state === before);
    await operator.succeed("verify", "--package", artifact);
  });
}

for (
  const [title, change] of [
    ["whose root was altered", (s: string) => s.replace(/network\\": \\"testnet/, 'network\\": \\"mainnet')],
    ["that was cut", (s: string) => s.slice(0, -100)],
    ["that is empty", () => ""],
    ["without a root", (s: string) => JSON.stringify({ ...JSON.parse(s), roots: [] })],
  ] as const
) {
  test(`a state ${title} is damage (44), never a new beginning`, async () => {
    const { operator, liar } = await stage.scene(repository, files);
    const file = join(operator.home, "trust", "state.json");
    const changed = change(operator.snapshot().state);
    writeFileSync(file, changed);
    liar.serve(files);
    requireError(await operator.run("check"), "E_STATE_CORRUPT");
    assert.ok(operator.snapshot().state === changed, "it was overwritten");
  });
}
