// An artifact as commands print it with --json. Design: docs/schemas/.
// Must not: know where it came from.
import type { Artifact } from "../api.ts";

/** The facts of an artifact, under the names the schemas have. */
export function artifactJson(x: Artifact): Record<string, unknown> {
  const { length, deltas = [], ...rest } = x;
  return {
    entrypoint: null,
    minCompatibleVersion: null,
    releaseNotesUrl: null,
    ...rest,
    lengthBytes: length,
    deltas: deltas.map((d) => ({ fromVersion: d.from.version, lengthBytes: d.length })),
  };
}
