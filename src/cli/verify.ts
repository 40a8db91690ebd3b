// verify: proves that a file is the release it says it is. Design: docs/cli.md, "Trust in detail".
// Must not: open a socket, or import what judges metadata: workers that hash the file start while that is loaded.
import { resolve } from "node:path";
import { prepareMeasurement } from "../hash/digest-file.ts";
import type { Command } from "./command.ts";

export const verifyCommand: Command = {
  name: "verify",
  summary: "prove a file without any network",
  options: {
    package: { type: "string", once: true, value: "FILE", help: "the file to prove" },
    version: { type: "string", once: true, value: "V", help: "it must be this version" },
    platform: { type: "string", once: true, value: "P", help: "it must be for this platform" },
    bundle: { type: "string", once: true, value: "FILE", help: "metadata to judge by (default: the home folder's)" },
    root: { type: "string", once: true, value: "FILE", help: "trust root for --bundle" },
    "root-sha256": {
      type: "string",
      once: true,
      value: "HEX",
      help: "or its digest: the root is then taken from the bundle",
    },
    "require-fresh": { type: "boolean", help: "refuse metadata that has expired (35)" },
    "min-root-version": { type: "string", once: true, value: "N", help: "refuse an older root (34)" },
  },
  async run(c, a) {
    const file = resolve(a.required("package"));
    using measurement = prepareMeasurement(file);
    const { proveByMetadata } = await import("./prove-by-metadata.ts");
    return await proveByMetadata(c, a, file, measurement);
  },
};
