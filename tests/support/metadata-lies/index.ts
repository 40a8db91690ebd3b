// Every lie that metadata can tell.
import { EXPIRY_LIES } from "./expiry.ts";
import { JSON_LIES } from "./json.ts";
import type { MetadataLie } from "./metadata-lie.ts";
import { MIX_LIES } from "./mix.ts";
import { ROLLBACK_LIES } from "./rollback.ts";
import { ROOT_CHAIN_LIES } from "./root-chain.ts";
import { SIGNATURE_LIES } from "./signatures.ts";

export const METADATA_LIES: readonly MetadataLie[] = [
  ...ROLLBACK_LIES,
  ...EXPIRY_LIES,
  ...MIX_LIES,
  ...SIGNATURE_LIES,
  ...ROOT_CHAIN_LIES,
  ...JSON_LIES,
];
