// The lie: metadata from the past, for each role.
import { testToldByMirror } from "../support/metadata-lie-tests.ts";
import { ROLLBACK_LIES } from "../support/metadata-lies/rollback.ts";
import { createStage } from "../support/scene.ts";

testToldByMirror(await createStage(), ROLLBACK_LIES);
