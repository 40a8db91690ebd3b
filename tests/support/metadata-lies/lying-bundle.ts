// The bundle of a liar: the newest of everything he has, assembled without looking at it.
import type { Files } from "../trust-client.ts";
import { NETWORK } from "../release-repository.ts";
import { jsonFile, type MutableObject } from "../signed-file.ts";
import { pathOf } from "./forge.ts";
import { DELEGATED } from "./metadata-lie.ts";

export function bundleOf(files: Files, fields: MutableObject = {}): Uint8Array {
  const text = (path: string): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(files.get(path));
  const roots = [...files.keys()].filter((path) => path.endsWith(".root.json"))
    .sort((a, b) => Number.parseInt(a.slice(9), 10) - Number.parseInt(b.slice(9), 10));
  const hasDelegated = [...files.keys()].some((path) => path.endsWith(`.${DELEGATED}.json`));
  return jsonFile({
    format: "dchat-bundle-1",
    network: NETWORK,
    roots: roots.map(text),
    timestamp: text("metadata/timestamp.json"),
    snapshot: text(pathOf(files, "snapshot")),
    targets: text(pathOf(files, "targets")),
    delegated: hasDelegated ? { [DELEGATED]: text(pathOf(files, DELEGATED)) } : {},
    schedule: [],
    ...fields,
  });
}
