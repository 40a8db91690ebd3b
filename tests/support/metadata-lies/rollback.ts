// Lies that take a node back: each role in an older version than the node, or its own parent, already knows.
import { at, type MutableJson, parseFile } from "../signed-file.ts";
import type { Files } from "../trust-client.ts";
import { forge, pathOf, replaced, says } from "./forge.ts";
import { DELEGATED, lieOver, type MetadataLie } from "./metadata-lie.ts";

/** What a file says, out of a set of files. */
function said(files: Files, role: string, ...path: string[]): MutableJson {
  return at(parseFile(bytesOf(files, role)).signed, ...path);
}

function bytesOf(files: Files, role: string): Uint8Array {
  return files.get(pathOf(files, role)) ?? new Uint8Array();
}

const LIE = { code: "E_ROLLBACK", verdict: "lie" } as const;

export const ROLLBACK_LIES: readonly MetadataLie[] = [
  // Whoever was not synchronised looks the same, so nobody is accused.
  lieOver("plain", { title: "an old timestamp", code: "E_ROLLBACK", verdict: "fault" }, ({ older }) => older),
  lieOver(
    "plain",
    { title: "a new timestamp that names an old snapshot", ...LIE },
    ({ repository, older }) =>
      forge(repository, {
        says: { timestamp: says(["meta", "snapshot.json"], said(older, "timestamp", "meta", "snapshot.json")) },
      }),
  ),
  ...["targets", DELEGATED].map((role) =>
    lieOver(
      "plain",
      { title: `a new snapshot that names an old version of ${role}`, ...LIE },
      ({ repository, older }) =>
        forge(repository, {
          says: { snapshot: says(["meta", `${role}.json`], said(older, "snapshot", "meta", `${role}.json`)) },
        }),
    )
  ),
  lieOver(
    "plain",
    { title: "a new snapshot from which a role has disappeared", ...LIE },
    ({ repository }) => forge(repository, { says: { snapshot: says(["meta", `${DELEGATED}.json`], undefined) } }),
  ),
  ...["snapshot", "targets", DELEGATED].map((role) =>
    lieOver(
      "withoutDigests",
      { title: `an old ${role} under the name of the new one, where only versions are signed`, ...LIE },
      ({ honest, known }) => replaced(honest, role, () => bytesOf(known, role)),
    )
  ),
  lieOver(
    "plain",
    // A bundle holds all roots from the first on; those that are known are skipped.
    { title: "an old root in place of the next one", ...LIE, inBundle: "harmless" },
    ({ repository, honest }) => new Map([...honest, ["metadata/2.root.json", repository.pinnedRoot]]),
  ),
];
