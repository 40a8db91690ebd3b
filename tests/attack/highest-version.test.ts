// The lie: whoever had a key for a moment signs version 2^53−1, after which nothing is new. The way back is a new key.
import assert from "node:assert/strict";
import { test } from "node:test";
import { requireCaught, requireError } from "../support/caught.ts";
import { createStage } from "../support/scene.ts";
import { createReleaseRepository } from "../support/release-repository.ts";

const stage = await createStage();
const HIGHEST = Number.MAX_SAFE_INTEGER;

const THEFTS = [
  { stolen: ["timestamp"], role: "timestamp" },
  { stolen: ["timestamp", "snapshot"], role: "snapshot" },
  { stolen: ["timestamp", "snapshot", "targets"], role: "targets" },
] as const;

for (const { stolen, role } of THEFTS) {
  test(`a ${role} of version 2^53−1 stops a node until the keys of ${stolen.join(", ")} are rotated`, async () => {
    const repository = createReleaseRepository({ seed: `highest ${role}` });
    await repository.addRelease("1.0.0");
    repository.publish();
    const known = repository.files();
    const drafts = stolen.map((name) => [name, structuredClone(repository.draft(name))] as const);

    // The thief's publication is accepted: its signatures are right.
    repository.draft(role)["version"] = HIGHEST - 1;
    if (role === "targets") repository.publish("targets");
    else if (role === "snapshot") repository.refresh();
    else repository.publishTimestamp();
    const stolenFiles = repository.files();
    const scene = await stage.scene(repository, known);
    scene.liar.serve(stolenFiles);
    await scene.operator.succeed("check");

    // The maintainers go on from their own last version, which the node must refuse.
    for (const [name, draft] of drafts) Object.assign(repository.draft(name), draft);
    repository.publish();
    repository.publish(); // one timestamp newer than the thief's, whatever role he touched
    scene.liar.serve(repository.files());
    requireError(await scene.operator.run("check"), "E_ROLLBACK");

    // New keys for the thief's void what he signed; nothing has to be done on the node.
    for (const name of stolen) repository.rotate(name);
    repository.publish();
    scene.liar.serve(repository.files());
    const { stdout } = await scene.operator.succeed("check", "--json");
    assert.equal(JSON.parse(stdout).metadata.timestampVersion, repository.draft("timestamp")["version"]);

    // The thief tries again with what he had.
    scene.liar.serve(
      new Map([...repository.files(), ["metadata/timestamp.json", stolenFiles.get("metadata/timestamp.json")!]]),
    );
    repository.publish();
    scene.honest.serve(repository.files());
    await requireCaught(scene, ["check"], { code: "E_UNTRUSTED_KEY", verdict: "lie" });
  });
}
