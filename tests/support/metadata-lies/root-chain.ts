// A chain of roots that breaks: a version left out, or a root that its predecessor or it itself did not sign.
import { keyObject } from "../../../src/trust/keys.ts";
import { createReleaseRepository } from "../release-repository.ts";
import { type MutableObject, put, signedFile, type TestKey, testKey } from "../signed-file.ts";
import { forge, says } from "./forge.ts";
import { lieOver, type MetadataLie } from "./metadata-lie.ts";

const usurper = testKey("usurper");

/** Makes one key the only one of a role. */
const hands = (role: string, to: TestKey) => (root: MutableObject): void => {
  put(root, ["keys", to.id], keyObject(to.publicKey) as MutableObject); // plain JSON
  put(root, ["roles", role], { keyids: [to.id], threshold: 1 });
};

export const ROOT_CHAIN_LIES: readonly MetadataLie[] = [
  lieOver(
    "plain",
    { title: "a root that skips a version", code: "E_ROLLBACK", verdict: "lie" },
    ({ repository }) => forge(repository, { says: { root: says(["version"], 3) } }),
  ),
  lieOver(
    "plain",
    { title: "a root signed by its own new key and not by its predecessor's", code: "E_UNTRUSTED_KEY", verdict: "lie" },
    ({ repository }) =>
      forge(repository, {
        says: { root: hands("root", usurper) },
        signs: { root: (signed) => signedFile(signed, [usurper]) },
      }),
  ),
  lieOver(
    "plain",
    { title: "a root signed by its predecessor's key and not by its own", code: "E_UNTRUSTED_KEY", verdict: "lie" },
    ({ repository }) => forge(repository, { says: { root: hands("root", usurper) } }),
  ),
  {
    title: "a forged root behind a genuine new one",
    code: "E_UNTRUSTED_KEY",
    verdict: "lie",
    trust: "new root",
    async tell() {
      const repository = createReleaseRepository({ seed: "forged behind genuine" });
      await repository.addRelease("1.0.0");
      repository.publish();
      const known = repository.files();
      repository.publishRoot();
      const honest = repository.files();
      const lying = forge(repository, {
        says: { root: hands("targets", usurper) },
        signs: { root: (signed) => signedFile(signed, [usurper]) },
      });
      return { repository, known, honest, lying };
    },
  },
];
