// Freezing: genuine metadata, validly signed, past its time. Nobody can tell a liar from a neglected mirror.
import { createReleaseRepository } from "../release-repository.ts";
import { tufTime } from "../signed-file.ts";
import { DAY_MS } from "../tuf-repository.ts";
import { forge, says } from "./forge.ts";
import { DELEGATED, lieOver, type MetadataLie } from "./metadata-lie.ts";

const yesterday = () => tufTime(Date.now() - DAY_MS);
const EXPIRED = { code: "E_EXPIRED", verdict: "fault" } as const;

export const EXPIRY_LIES: readonly MetadataLie[] = [
  ...["timestamp", "snapshot", "targets", DELEGATED].map((role) =>
    lieOver(
      "plain",
      { title: `an expired ${role}`, ...EXPIRED },
      ({ repository }) => forge(repository, { says: { [role]: says(["expires"], yesterday()) } }),
    )
  ),
  {
    title: "an expired root, the next one withheld",
    ...EXPIRED,
    trust: "new root",
    async tell() {
      const repository = createReleaseRepository({ seed: "expired root" });
      await repository.addRelease("1.0.0");
      repository.publish();
      const known = repository.files();
      const expires = repository.draft("root")["expires"] ?? null;
      repository.draft("root")["expires"] = yesterday();
      repository.publishRoot();
      const lying = repository.files();
      repository.draft("root")["expires"] = expires;
      repository.publishRoot();
      return { repository, known, lying, honest: repository.files() };
    },
  },
];
