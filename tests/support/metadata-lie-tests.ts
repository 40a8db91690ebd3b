// One test for each lie: a mirror tells it to a node that already knows something.
import { test } from "node:test";
import { requireCaught } from "./caught.ts";
import type { MetadataLie } from "./metadata-lies/metadata-lie.ts";
import type { Stage } from "./scene.ts";

export function testToldByMirror(stage: Stage, lies: readonly MetadataLie[]): void {
  for (const lie of lies) {
    test(`metadata with ${lie.title} is refused (${lie.code})`, async () => {
      const { repository, known, lying, honest } = await lie.tell();
      const scene = await stage.scene(repository, known);
      scene.liar.serve(lying);
      scene.honest.serve(honest);
      const { code, verdict, trust = "untouched" } = lie;
      await requireCaught(scene, ["check"], { code, verdict, trust });
    });
  }
}
