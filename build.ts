// Builds dist/dchat-update.mjs: one minified file, the same bytes from the same sources and lock in any folder.
// Design: "One bundled file" of docs/architecture.md.
//   deno task build [--root FILE] [--mirror URL]… [--out FILE] [--budget BYTES]
// Must not: use anything but locked npm packages for the bytes it writes, or write a path of this machine into them.
import { chmod, mkdir, readFile, realpath, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { BuildOptions, Metafile, Plugin } from "esbuild";
import * as esbuild from "esbuild";
import { type App, appParts } from "./build/app-parts.ts";
import { cipherCore } from "./build/cipher-core.ts";
import { hashingCore } from "./build/hashing-core.ts";
import { lazyModules } from "./build/lazy-modules.ts";
import { licenceNotice } from "./build/licences.ts";
import { compileWasm, keepWasm } from "./build/wasm-modules.ts";
import config from "./deno.json" with { type: "json" };
import { asUpdateError, UpdateError } from "./src/errors.ts";
import { isLoopbackHost } from "./src/net/proxy-env.ts";
import { parseMirrorUrl } from "./src/sources/mirror-url.ts";
import { pinRoot } from "./src/trust/client.ts";
import { networkOf } from "./src/trust/x-dchat.ts";

// Real, because esbuild names files by their real path.
const PROJECT = await realpath(dirname(fileURLToPath(import.meta.url)));

// What people are asked to pipe into a runtime stays small, licences included (docs/decisions/0015-gossip.md).
const BUDGET_BYTES = 800_000;
// Of this a runtime reads every byte at every start; compressed parts are text to it until they are needed.
const PLAIN_BUDGET_BYTES = 600_000;

const { values: args } = parseArgs({
  options: {
    root: { type: "string" },
    mirror: { type: "string", multiple: true, default: [] },
    out: { type: "string", default: join(PROJECT, "dist", "dchat-update.mjs") },
    budget: { type: "string", default: String(BUDGET_BYTES) },
  },
});

const OPTIONS = {
  absWorkingDir: PROJECT,
  bundle: true,
  minify: true,
  charset: "ascii", // engines hold text that needs no more in half the space
  platform: "node",
  target: "node20",
  // ES modules where a package has both: only they can be tree-shaken.
  mainFields: ["module", "main"],
  legalComments: "none", // all licences stand in full at the end of the file
  define: { "Promise.withResolvers": "withResolvers" }, // Node 20 has none
  inject: [join(PROJECT, "build", "with-resolvers.ts")],
} as const satisfies BuildOptions;

/** Puts the version, root and mirrors in the place of src/baked.ts. */
async function baked(rootFile: string | undefined, mirrors: readonly string[]): Promise<Plugin> {
  const root = rootFile === undefined ? undefined : await readRoot(rootFile);
  const urls = mirrors.map(mirrorToBake);
  const contents = [
    `export const VERSION = ${JSON.stringify(config.version)};`,
    `export const BAKED_ROOT = ${root === undefined ? root : `Buffer.from("${root.toString("base64")}", "base64")`};`,
    `export const BAKED_MIRRORS = ${JSON.stringify(urls)};`,
  ];
  return {
    name: "baked",
    setup(build) {
      build.onLoad({ filter: /[\\/]src[\\/]baked\.ts$/ }, () => ({ contents: contents.join("\n") }));
    },
  };
}

/** A root that `init` of the built file would accept. */
async function readRoot(file: string): Promise<Buffer> {
  const bytes = await readFile(file);
  networkOf(pinRoot(bytes).root.signed);
  return bytes;
}

/** As `add-mirror` stores it. Whoever gets the file uses it unasked, and reads it. */
function mirrorToBake(text: string): string {
  const url = parseMirrorUrl(text);
  if (url.protocol === "http:" && !isLoopbackHost(url.hostname.replace(/^\[|\]$/g, ""))) {
    throw new UpdateError("E_USAGE", `the mirror ${url.origin} needs https`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new UpdateError("E_USAGE", `the mirror ${url.origin} has a password, which everybody could read in the file`);
  }
  return text.replace(/\/+$/, "");
}

/** The source files of which something is left in the output. */
function bundledFiles({ outputs }: Metafile): string[] {
  const files = Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs));
  return files.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([file]) => file);
}

const bakedIn = await baked(args.root, args.mirror).catch((e) => {
  const { code, message } = asUpdateError(e);
  console.error(`error ${code}: ${message}: nothing was built`);
  return process.exit(1);
});
const wasm = await compileWasm(PROJECT);
await keepWasm(PROJECT, wasm);

const apps: App[] = [];
const plugins = [
  bakedIn,
  lazyModules(PROJECT),
  hashingCore(PROJECT, OPTIONS, wasm.hashing),
  cipherCore(wasm.cipher),
];
const { outputFiles, metafile } = await esbuild.build({
  ...OPTIONS,
  entryPoints: ["dchat-update.ts"],
  format: "esm",
  plugins: [...plugins, appParts(PROJECT, { ...OPTIONS, plugins }, (app) => apps.push(app))],
  metafile: true,
  write: false,
});
await esbuild.stop();

const bundled = [metafile, ...apps.map((app) => app.metafile)].flatMap(bundledFiles);
const code = outputFiles[0]!.text; // one entry point, no splitting: exactly one file
const title = `dchat-update ${config.version}`;
const file = Buffer.from(
  `#!/usr/bin/env node\n// ${title} (${config.license}). All licences are at the end of this file.\n` +
    code + await licenceNotice(PROJECT, title, bundled),
);

const kb = (bytes: number) => `${(bytes / 1000).toFixed(1)} KB`;
const parts = apps.flatMap((app) => app.parts);
for (const { name, bytes, packed } of parts) {
  console.log(`${name}: ${kb(bytes)}${packed === undefined ? "" : ` → brotli, base64 ${kb(packed.length)}`}`);
}
const base64Bytes = (bytes: number) => 4 * Math.ceil(bytes / 3);
const modules = [...wasm.hashing, wasm.cipher];
console.log(modules.map(({ name, bytes }) => `${name}: base64 ${kb(base64Bytes(bytes.length))}`).join("; "));
const plainBytes = parts.reduce((left, { packed }) => left - (packed?.length ?? 0), file.length);
for (
  const [what, bytes, budget] of [
    ["without the compressed parts", plainBytes, PLAIN_BUDGET_BYTES],
    ["total", file.length, Number(args.budget)],
  ] as const
) {
  console.log(`${what}: ${kb(bytes)} of ${kb(budget)}`);
  if (bytes <= budget) continue;
  console.error(`over the size budget by ${bytes - budget} bytes: ${args.out} was not written`);
  process.exit(1);
}
await mkdir(dirname(args.out), { recursive: true });
await writeFile(args.out, file);
await chmod(args.out, 0o755);
console.log(args.out);
