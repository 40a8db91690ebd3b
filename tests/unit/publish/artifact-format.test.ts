import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PackageFormat, PackageType } from "../../../src/api.ts";
import { detectFormat, isArchive } from "../../../src/publish/artifact-format.ts";

const CASES: [hex: string, name: string, type: PackageType, format: PackageFormat][] = [
  ["7f454c4602010100", "dchat", "binary", "executable"],
  ["4d5a900003000000", "dchat.exe", "binary", "executable"],
  ["cffaedfe0c000001", "dchat", "binary", "executable"],
  ["cafebabe00000002", "dchat", "binary", "executable"],
  ["23212f62696e2f73", "dchat.sh", "binary", "executable"],
  ["1f8b080000000000", "dchat.tar.gz", "binary", "tar.gz"],
  ["1f8b080000000000", "dchat.TGZ", "source", "tar.gz"],
  ["1f8b080000000000", "dchat.gz", "binary", "opaque"],
  ["28b52ffd00000000", "dchat.tar.zst", "binary", "tar.zst"],
  ["504b030400000000", "dchat.zip", "binary", "zip"],
  ["504b030400000000", "dchat.jar", "binary", "opaque"],
  ["213c617263683e0a", "dchat.deb", "deb", "opaque"],
  ["1f8b080000000000", "dchat.tar.gz", "docker-image", "opaque"],
  ["23212f62696e2f73", "build.sh", "source", "opaque"],
  ["6e6f7468696e6720", "notes", "binary", "opaque"],
  ["", "empty", "binary", "opaque"],
];

describe("the format of an artifact", () => {
  for (const [hex, name, type, format] of CASES) {
    test(`of ${name} (${hex.slice(0, 8) || "no bytes"}) as ${type} is ${format}`, () => {
      assert.equal(detectFormat(Buffer.from(hex, "hex"), name, type), format);
    });
  }

  test("is an archive when it holds files", () => {
    assert.deepEqual(
      (["executable", "tar.gz", "tar.zst", "zip", "opaque"] as const).filter(isArchive),
      ["tar.gz", "tar.zst", "zip"],
    );
  });
});
