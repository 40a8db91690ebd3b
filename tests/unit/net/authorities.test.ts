// What --ca-file takes: certificates, whole ones. A mistake here is the operator's, and no mirror is blamed for it.
import assert from "node:assert/strict";
import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadAuthorities } from "../../../src/net/authorities.ts";
import { CA_FILE } from "../../support/http-server.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const folder = tempFolder("authorities");
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, "ca.pem");
const pem = readFileSync(CA_FILE, "utf8");

test("all certificates of the file are trusted besides the runtime's own", async () => {
  writeFileSync(file, `a word before\r\n${pem}\n${pem.replaceAll("\n", "\r\n")}`);
  const all = await loadAuthorities(file);
  assert.equal(all?.at(-1), readFileSync(file, "utf8"));
  assert.ok((all?.length ?? 0) > 50, "the runtime's own are missing");
  assert.equal(await loadAuthorities(undefined), undefined);
});

const broken = pem.replace(/(BEGIN CERTIFICATE-----\s)[^-]*/, "$1AAAA\n");
const WRONG: Readonly<Record<string, [content: string | number, said: RegExp]>> = {
  "nothing": ["", /holds no certificate in PEM/],
  "a key": [pem.replaceAll("CERTIFICATE", "PRIVATE KEY"), /holds no certificate in PEM/],
  "half a certificate": [pem.slice(0, pem.length / 2), /holds no certificate in PEM/],
  "a certificate that is none": [broken, /does not read/],
  "one that is none behind a good one": [pem + broken, /does not read/],
  "a large file": [(1 << 20) + 1, /too large for certificates/],
};

for (const [what, [content, said]] of Object.entries(WRONG)) {
  test(`${what} is refused as a usage error`, async () => {
    writeFileSync(file, typeof content === "string" ? content : "");
    if (typeof content === "number") truncateSync(file, content);
    await assert.rejects(loadAuthorities(file), { code: "E_USAGE", message: said, hint: /--ca-file wants/ });
  });
}

test("a file that is not there is an I/O error", async () => {
  await assert.rejects(loadAuthorities(join(folder, "absent")), { code: "E_IO" });
});
