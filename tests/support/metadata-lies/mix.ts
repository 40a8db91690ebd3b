// Mix and match: every file genuine, but not of one publication, or not in its place.
import { createReleaseRepository } from "../release-repository.ts";
import { at, put } from "../signed-file.ts";
import { forge, pathOf, replaced } from "./forge.ts";
import { DELEGATED, lieOver, type MetadataLie } from "./metadata-lie.ts";
import type { Files } from "../trust-client.ts";

const bytesOf = (files: Files, role: string) => files.get(pathOf(files, role)) ?? new Uint8Array();

export const MIX_LIES: readonly MetadataLie[] = [
  ...["snapshot", "targets", DELEGATED].map((role) =>
    lieOver(
      "plain",
      {
        title: `the ${role} of one publication among the others of the next`,
        // The new targets have one release more; of the others only digits differ.
        code: role === "targets" ? "E_SIZE_MISMATCH" : "E_HASH_MISMATCH",
        verdict: "lie",
      },
      ({ honest, known }) => replaced(honest, role, () => bytesOf(known, role)),
    )
  ),
  lieOver(
    "plain",
    {
      title: "a new snapshot that is named and withheld",
      code: "E_ABSENT",
      verdict: "fault",
      inBundle: "E_HASH_MISMATCH",
    },
    ({ repository }) => {
      const files = forge(repository, {});
      files.delete(pathOf(files, "snapshot"));
      return files;
    },
  ),
  {
    title: "a snapshot in place of the timestamp, where one key signs everything",
    code: "E_MALFORMED",
    verdict: "lie",
    async tell() {
      const repository = createReleaseRepository({ seed: "one key" });
      const [key] = repository.signers("root");
      if (key === undefined) throw new Error("root has a key");
      for (const role of ["timestamp", "snapshot", "targets"]) {
        put(repository.draft("root"), ["roles", role], { ...at(repository.draft("root"), "roles", "root") as object });
        repository.signers(role).splice(0, 1, key);
      }
      repository.publishRoot();
      await repository.addRelease("1.0.0");
      repository.publish();
      const known = repository.files();
      repository.publish();
      const honest = repository.files();
      return { repository, known, honest, lying: replaced(honest, "timestamp", () => bytesOf(honest, "snapshot")) };
    },
  },
];
