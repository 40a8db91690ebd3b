// The certificate authorities of --ca-file, added to the runtime's own. Design: docs/cli.md.
// Must not: replace the runtime's own.

import { X509Certificate } from "node:crypto";
import * as tls from "node:tls";
import { readFileBounded } from "../disk/atomic-file.ts";
import { UpdateError } from "../errors.ts";
import type { Authorities } from "./connect.ts";

// The whole of Mozilla's list is a quarter of this.
const MAX_CA_FILE_BYTES = 1 << 20;

/**
 * All authorities to trust; undefined without a file, which leaves the choice to the runtime.
 * @throws UpdateError E_USAGE when the file is none of certificates: it is the operator's mistake, never a mirror's; E_IO
 */
export async function loadAuthorities(caFile: string | undefined): Promise<Authorities> {
  if (caFile === undefined) return undefined;
  const pem = await readPem(caFile);
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g);
  if (certificates === null) throw unusable(caFile, "holds no certificate in PEM");
  for (const certificate of certificates) {
    try {
      new X509Certificate(certificate); // runtimes leave a broken one out, or blame the connection
    } catch (cause) {
      throw unusable(caFile, "holds a certificate that does not read", cause);
    }
  }
  return [...runtimeAuthorities(), pem];
}

async function readPem(caFile: string): Promise<string> {
  try {
    return new TextDecoder().decode(await readFileBounded(caFile, MAX_CA_FILE_BYTES));
  } catch (e) {
    if (e instanceof UpdateError && e.code === "E_TOO_LARGE") {
      throw unusable(caFile, "is too large for certificates", e);
    }
    throw e;
  }
}

function unusable(caFile: string, what: string, cause?: unknown): UpdateError {
  return new UpdateError("E_USAGE", `${JSON.stringify(caFile)} ${what}`, {
    cause,
    hint: "--ca-file wants the authorities' certificates in PEM, one after another",
  });
}

/** Newer runtimes tell what they trust by default, the environment's additions included; older ones their own list. */
function runtimeAuthorities(): readonly string[] {
  return typeof tls.getCACertificates === "function" ? tls.getCACertificates("default") : tls.rootCertificates;
}
