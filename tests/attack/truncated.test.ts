// The lie: less than the artifact, announced as such, ended without a word, or cut off.
import { test } from "node:test";
import { type Expectation, requireCaught } from "../support/caught.ts";
import { type Answer, gives, givesUnannounced, hangsUpBefore } from "../support/lying-mirror.ts";
import { createRelease, createStage } from "../support/scene.ts";

const stage = await createStage();
const { repository, path, content } = await createRelease("truncated");
const files = repository.files();
const { length } = content;

const SHORT: Expectation = { code: "E_SIZE_MISMATCH", verdict: "lie" };
// A connection that breaks is no lie; it is taken up again, and then another mirror is asked.
const CUT: Expectation = { code: "E_UNREACHABLE", verdict: "fault" };
const LIES: readonly (readonly [string, Answer, Expectation])[] = [
  ["that says it is a byte shorter", gives((b) => b.subarray(0, -1)), SHORT],
  ["that says it is empty", gives((b) => b.subarray(0, 0)), SHORT],
  ["that ends a byte early without having said how long it is", givesUnannounced((b) => b.subarray(0, -1)), SHORT],
  ["that ends at once without having said how long it is", givesUnannounced((b) => b.subarray(0, 0)), SHORT],
  ["that breaks off before its first byte", hangsUpBefore(0), CUT],
  ["that breaks off in the middle, every time", hangsUpBefore(Math.floor(length / 2)), CUT],
  ["that breaks off before its last byte, every time", hangsUpBefore(length - 1), CUT],
];

for (const [title, lie, expected] of LIES) {
  test(`an artifact ${title} is not taken for whole (${expected.code})`, async () => {
    const scene = await stage.scene(repository, files);
    scene.liar.serve(files, { [path]: lie });
    scene.honest.serve(files);
    await requireCaught(scene, ["download", "--version", "1.0.0", "--platform", "linux-x64"], expected);
  });
}
