import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PackageFormat, PackageType } from "../../../src/api.ts";
import {
  artifactName,
  checkRelativePath,
  compareVersions,
  isPlatform,
  isVersion,
  platformName,
  targetPath,
} from "../../../src/trust/naming.ts";
import { refused } from "../../support/refused.ts";

describe("a version", () => {
  for (const good of ["0.0.0", "1.0.0", "1.2.3-rc.1", "1.0.0-0.3.7", "10.20.30", "1.0.0-alpha-a.b"]) {
    test(`is ${good}`, () => assert.equal(isVersion(good), true));
  }
  const bad = [
    "",
    "1",
    "1.0",
    "v1.0.0",
    "=1.0.0",
    " 1.0.0",
    "1.0.0 ",
    "1.0.0\n",
    "1.0.0+build",
    "01.0.0",
    "1.0.0-01",
    "1.0.0-",
    "1.0.0.0",
    "1.0.x",
    "../1.0.0",
    "1.0.0/..",
    `1.0.${"9".repeat(20)}`,
    `1.0.0-${"a".repeat(64)}`,
  ];
  for (const text of bad) test(`is not ${JSON.stringify(text)}`, () => assert.equal(isVersion(text), false));

  test("has its precedence from semver, where 10 is more than 9 and a release more than its candidates", () => {
    const sorted = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-rc.2", "1.0.0-rc.10", "1.0.0", "1.9.0", "1.10.0", "2.0.0"];
    assert.deepEqual([...sorted].reverse().sort(compareVersions), sorted);
    assert.equal(compareVersions("1.0.0", "1.0.0"), 0);
  });
});

describe("a platform", () => {
  test("is words of a-z and 0-9 with single dashes", () => {
    for (const good of ["linux-x64", "any", "macos-arm64", "linux-x64-musl"]) {
      assert.equal(isPlatform(good), true, good);
    }
    for (
      const bad of [
        "",
        "-",
        "linux-",
        "-x64",
        "a--b",
        "Linux-x64",
        "linux_x64",
        "linux/x64",
        "..",
        "a b",
        "a\n",
        "a".repeat(49),
      ]
    ) {
      assert.equal(isPlatform(bad), false, bad);
    }
  });

  test("has the product's names for what runtimes say", () => {
    assert.equal(platformName("linux", "x64"), "linux-x64");
    assert.equal(platformName("win32", "x64"), "windows-x64");
    assert.equal(platformName("darwin", "arm64"), "macos-arm64");
  });
});

describe("an artifact's name", () => {
  const table: [PackageFormat, PackageType, string, string][] = [
    ["executable", "binary", "linux-x64", "dchat-1.0.0-linux-x64"],
    ["executable", "binary", "windows-x64", "dchat-1.0.0-windows-x64.exe"],
    ["tar.gz", "binary", "linux-x64", "dchat-1.0.0-linux-x64.tar.gz"],
    ["tar.zst", "source", "any", "dchat-1.0.0-any.tar.zst"],
    ["zip", "binary", "windows-x64", "dchat-1.0.0-windows-x64.zip"],
    ["opaque", "binary", "linux-x64", "dchat-1.0.0-linux-x64"],
    ["opaque", "source", "any", "dchat-1.0.0-any.src"],
    ["opaque", "docker-image", "linux-x64", "dchat-1.0.0-linux-x64.oci.tar"],
    ["opaque", "deb", "linux-x64", "dchat-1.0.0-linux-x64.deb"],
    ["opaque", "rpm", "linux-x64", "dchat-1.0.0-linux-x64.rpm"],
    ["opaque", "apk", "linux-x64", "dchat-1.0.0-linux-x64.apk"],
  ];
  for (const [format, packageType, platform, name] of table) {
    test(`of ${format} ${packageType} is ${name}`, () => {
      assert.equal(artifactName({ version: "1.0.0", platform, format, packageType }), name);
    });
  }

  test("stands below its version in the target path", () => assert.equal(targetPath("1.0.0", "n"), "dchat/1.0.0/n"));
});

describe("a relative path", () => {
  for (const good of ["a", "a/b", "bin/dchat", ".hidden", "a..b", "a b", "ä/☃", "a".repeat(180)]) {
    test(`may be ${good.slice(0, 20)}`, () => assert.equal(checkRelativePath(good, "x"), good));
  }
  const bad = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/./b",
    "a/..",
    "a\\b",
    "..\\a",
    "C:a",
    "a:stream",
    "a\u0000b",
    "a\nb",
    "a\u007f",
    "a./b",
    "a /b",
    "...",
    ".. /a",
    "a".repeat(181),
    "a/".repeat(600),
  ];
  for (const path of bad) {
    test(`must not be ${JSON.stringify(path.slice(0, 20))}`, () =>
      void refused("E_MALFORMED", () => checkRelativePath(path, "x")));
  }
});
