// What an operator asks a running supervisor for: to switch to a version. Design: "Running the node" of
// docs/activation.md. The supervisor proves the version again before it does. Must not: be believed for anything else.
import { rm } from "node:fs/promises";
import { corruptIfMalformed, jsonBytes, readFileIfThere } from "../../config/home-file.ts";
import type { Home } from "../../config/home.ts";
import { fsyncFolder, writeFileAtomic } from "../../disk/atomic-file.ts";
import { asUpdateError } from "../../errors.ts";
import { Field } from "../../trust/fields.ts";
import { parseJsonObject } from "../../trust/json.ts";
import type { Wanted } from "./supervision.ts";

const FORMAT = "dchat-switch-request-1";
const MAX_REQUEST_BYTES = 4096;

/** @throws UpdateError E_STATE_CORRUPT, E_IO */
export async function readRequest(home: Home): Promise<Wanted | undefined> {
  const bytes = await readFileIfThere(home.requestFile, MAX_REQUEST_BYTES);
  if (bytes === undefined) return undefined;
  return corruptIfMalformed(() => {
    const f = new Field(parseJsonObject(bytes, "switch-request.json"), "switch-request.json");
    f.get("format").oneOf([FORMAT]);
    return {
      version: f.get("version").line(64),
      sha256: f.get("sha256").hex(32),
      activationHeight: f.get("activationHeight").optional((h) => h.integer(1)) ?? null,
    };
  });
}

export async function writeRequest(home: Home, { version, sha256, activationHeight }: Wanted): Promise<void> {
  const request = { format: FORMAT, version, sha256 };
  await writeFileAtomic(
    home.requestFile,
    jsonBytes(activationHeight === null ? request : { ...request, activationHeight }),
  );
}

export async function clearRequest(home: Home): Promise<void> {
  try {
    await rm(home.requestFile, { force: true });
    await fsyncFolder(home.dir);
  } catch (e) {
    throw asUpdateError(e, "E_IO");
  }
}
