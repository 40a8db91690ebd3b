// The lie: JSON that breaks a reader or has two meanings.
import { testToldByMirror } from "../support/metadata-lie-tests.ts";
import { JSON_LIES } from "../support/metadata-lies/json.ts";
import { createStage } from "../support/scene.ts";

testToldByMirror(await createStage(), JSON_LIES);
