// The lie: genuine files that do not belong together.
import { testToldByMirror } from "../support/metadata-lie-tests.ts";
import { MIX_LIES } from "../support/metadata-lies/mix.ts";
import { createStage } from "../support/scene.ts";

testToldByMirror(await createStage(), MIX_LIES);
