// The lie: a root that does not follow from the one the node trusts.
import { testToldByMirror } from "../support/metadata-lie-tests.ts";
import { ROOT_CHAIN_LIES } from "../support/metadata-lies/root-chain.ts";
import { createStage } from "../support/scene.ts";

testToldByMirror(await createStage(), ROOT_CHAIN_LIES);
