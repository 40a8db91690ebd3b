// The lie: signatures that are too few, of strangers, counted twice, or of something else.
import { testToldByMirror } from "../support/metadata-lie-tests.ts";
import { SIGNATURE_LIES } from "../support/metadata-lies/signatures.ts";
import { createStage } from "../support/scene.ts";

testToldByMirror(await createStage(), SIGNATURE_LIES);
