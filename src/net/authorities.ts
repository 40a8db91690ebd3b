// The certificate authorities of --ca-file, added to the runtime's own. Design: docs/cli.md.
// Must not: replace the runtime's own.

import * as tls from "node:tls";
import { readFileBounded } from "../disk/atomic-file.ts";
import { UpdateError } from "../errors.ts";
import type { Authorities } from "./connect.ts";

// The whole of Mozilla's list is a quarter of this.
const MAX_CA_FILE_BYTES = 1 << 20;

/**
 * All authorities to trust; undefined without a file, which leaves the choice to the runtime.
 * @throws UpdateError E_USAGE when the file holds no certificate; E_IO, E_TOO_LARGE
 */
export async function loadAuthorities(caFile: string | undefined): Promise<Authorities> {
  if (caFile === undefined) return undefined;
  const pem = new TextDecoder().decode(await readFileBounded(caFile, MAX_CA_FILE_BYTES));
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) {
    throw new UpdateError("E_USAGE", `${JSON.stringify(caFile)} holds no certificate in PEM`);
  }
  return [...runtimeAuthorities(), pem];
}

/** Newer runtimes tell what they trust by default, the environment's additions included; older ones their own list. */
function runtimeAuthorities(): readonly string[] {
  return typeof tls.getCACertificates === "function" ? tls.getCACertificates("default") : tls.rootCertificates;
}
