// The lie: the past as the present. Genuine metadata that is past its time, for each role.
import { testToldByMirror } from "../support/metadata-lie-tests.ts";
import { EXPIRY_LIES } from "../support/metadata-lies/expiry.ts";
import { createStage } from "../support/scene.ts";

testToldByMirror(await createStage(), EXPIRY_LIES);
