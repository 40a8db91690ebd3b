// The library's TUF client behind the command line of the TUF project's conformance suite (its CLIENT-CLI.md), so that
// the suite, and our own tests that need a process to kill, can drive it. Design: "Trust in detail".
// Must not: hold any logic; what it cannot do with the library's exports, other programs cannot do either.
import { readFile } from "node:fs/promises";
import process from "node:process";
import { parseArgs } from "node:util";
import { createTufClient, UpdateError } from "../../dchat-update.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "metadata-dir": { type: "string" },
    "metadata-url": { type: "string" },
    "target-name": { type: "string" },
    "target-base-url": { type: "string" },
    "target-dir": { type: "string" },
  },
});
const [command, trustedRoot] = positionals;

function required(text: string | undefined, name: string): string {
  if (text === undefined) throw new Error(`${name} is missing`);
  return text;
}

async function run(): Promise<void> {
  const client = createTufClient({
    metadataDir: required(values["metadata-dir"], "--metadata-dir"),
    // init makes no request: it is given no URLs.
    metadataUrls: command === "init" ? [] : [required(values["metadata-url"], "--metadata-url")],
    targetsUrl: values["target-base-url"] ?? "",
  });
  try {
    switch (command) {
      case "init":
        return await client.init(await readFile(required(trustedRoot, "TRUSTED_ROOT")));
      case "refresh":
        return await client.refresh();
      case "download": {
        const folder = required(values["target-dir"], "--target-dir");
        return void await client.download(required(values["target-name"], "--target-name"), folder);
      }
      default:
        throw new Error("the command must be init, refresh or download");
    }
  } finally {
    await client.close();
  }
}

try {
  await run();
} catch (e) {
  console.error(e instanceof UpdateError ? `${e.code}: ${e.message}` : e);
  process.exitCode = 1;
}
