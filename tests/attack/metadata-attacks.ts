// The catalogue of lies about metadata. Other suites serve them too: over HTTP, against the bundled file.
import type { Attack } from "./attack-scene.ts";
import { INSIDER_ATTACKS } from "./insider-attacks.ts";
import { MIRROR_ATTACKS } from "./mirror-attacks.ts";
import { ODD_METADATA } from "./odd-metadata.ts";

export const METADATA_ATTACKS: readonly Attack[] = [...MIRROR_ATTACKS, ...INSIDER_ATTACKS, ...ODD_METADATA];
