// Who may import whom and who may say what, as docs/architecture.md has it; each row with its reason.
// The checker finds import and export statements by a regular expression; its own tests prove that it sees violations.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, sep } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));

/** A place is a file, or a folder, npm scope or `node:` when it ends in "/" or ":"; packages stand as they are written. */
interface ImportRule {
  in: string[];
  /** Parts of `in` that the rule leaves out. */
  but?: string[];
  /** Nothing else may be imported. */
  only?: string[];
  never?: string[];
  /** Importing types alone is allowed: nothing of it is left when the program runs. */
  typesAreFine?: true;
  why: string;
}

const IMPORT_RULES: ImportRule[] = [
  { in: ["src/api.ts", "src/errors.ts"], only: [], why: "everyone imports them" },
  {
    in: ["src/trust/"],
    only: ["src/trust/", "src/api.ts", "src/errors.ts", "@noble/", "semver/functions/"],
    why: "pure: no clock, no I/O",
  },
  {
    in: ["src/activate/decide/"],
    only: ["src/trust/", "src/api.ts", "src/errors.ts", "src/activate/decide/"],
    why: "pure: it judges facts that others bring",
  },
  { in: ["src/sources/"], never: ["src/chain/", "src/gossip/"], why: "adapters do not know each other" },
  { in: ["src/chain/"], never: ["src/sources/", "src/gossip/"], why: "adapters do not know each other" },
  { in: ["src/gossip/"], never: ["src/sources/", "src/chain/"], why: "adapters do not know each other" },
  {
    in: ["src/gossip/message.ts", "src/gossip/judge-timestamp.ts", "src/gossip/judge-vote.ts"],
    only: [
      ...["src/gossip/message.ts", "src/gossip/judge-timestamp.ts", "src/gossip/judge-vote.ts"],
      ...["src/trust/", "src/errors.ts"],
    ],
    why: "what a message is worth is pure",
  },
  {
    in: ["src/fetch/"],
    never: ["src/sources/", "src/chain/", "src/gossip/", "src/cli/"],
    why: "it sees interfaces; adapters arrive as arguments",
  },
  {
    in: ["src/publish/"],
    never: ["src/sources/", "src/fetch/", "src/net/"],
    why: "publishing works on a folder, offline",
  },
  {
    in: ["src/"],
    but: ["src/cli/", "src/service/", "src/app.ts"],
    never: ["src/cli/", "src/app.ts"],
    why: "only the edges wire and print",
  },
  {
    in: ["src/devnet/"],
    only: ["src/devnet/", "node:"],
    why: "it drives the product by its command line alone, and stands compressed in its file",
  },
  {
    in: ["src/heavy/"],
    only: [
      "src/heavy/",
      "src/devnet/",
      "node:",
      "@libp2p/",
      "@multiformats/",
      "libp2p",
      "fzstd",
      "tar-stream",
      "uint8arraylist",
      "yauzl",
    ],
    why: "a second copy of src/ inside a compressed part breaks instanceof",
  },
  {
    in: ["src/"],
    never: ["undici", "undici/"],
    why: "a rival in a benchmark; the product has a client of its own",
  },
  {
    in: ["src/"],
    but: ["src/heavy/"],
    never: [
      ...["@libp2p/", "@multiformats/", "libp2p", "@chainsafe/"],
      ...["src/heavy/libp2p.ts", "src/heavy/noise-crypto.ts"],
      ...["fzstd", "tar-stream", "yauzl", "src/heavy/archives.ts", "src/heavy/devnet.ts"],
    ],
    typesAreFine: true,
    why: "light commands must not pay for loading it",
  },
  {
    in: ["src/"],
    never: ["dchat-update.ts", "build.ts", "build/", "tests/"],
    why: "src/ is the product itself",
  },
];

/** Something that may be written in some places only. */
interface WordRule {
  word: RegExp;
  only: string[];
  why: string;
}

const WORD_RULES: WordRule[] = [
  { word: /\bprocess\s*\.\s*(exit|exitCode|reallyExit|abort)\b/, only: ["dchat-update.ts"], why: "one place ends it" },
  { word: /\bas\s+Verified</, only: ["src/trust/"], why: "only proven values carry the mark" },
  { word: /\b(Deno|Bun)\??\.[a-zA-Z]/, only: ["src/cli/deno-arguments.ts"], why: "one code for every runtime" },
];

interface Import {
  place: string;
  typesOnly: boolean;
}

function importsOf(file: string, code: string): Import[] {
  const statements = code.matchAll(/\b(?:import|export)\s+(type\s)?(?:[^"'`;]*?\sfrom\s*)?"([^"]+)"/g);
  const calls = code.matchAll(/(\btypeof\s+)?\bimport\s*\(\s*"([^"]+)"/g);
  return [...statements, ...calls].map(([, type, name]) => ({
    // Present in every match; only the groups before it are optional.
    place: name!.startsWith(".") ? posix.join(posix.dirname(file), name!) : name!,
    typesOnly: type !== undefined,
  }));
}

const isAt = (place: string, places: string[] = []) =>
  places.some((p) => (/[/:]$/.test(p) ? place.startsWith(p) : place === p));

/** What a file breaks, one line each. `file` is relative to the project, with slashes. */
function violations(file: string, source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, "");
  const rules = IMPORT_RULES.filter((rule) => isAt(file, rule.in) && !isAt(file, rule.but));
  const found: string[] = [];
  for (const { place, typesOnly } of importsOf(file, code)) {
    for (const { only, never, typesAreFine, why } of rules) {
      if (typesOnly && typesAreFine) continue;
      const broken = isAt(place, never) || (only !== undefined && !isAt(place, only));
      if (broken) found.push(`${file} imports ${place}: ${why}`);
    }
  }
  for (const { word, only, why } of WORD_RULES) {
    const match = word.exec(code);
    if (match !== null && !isAt(file, only)) found.push(`${file} says ${match[0]}: ${why}`);
  }
  return found;
}

test("every file of src/ keeps to its layer", () => {
  const files = readdirSync(join(PROJECT, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `src/${file.replaceAll(sep, "/")}`);
  assert.ok(files.includes("src/trust/client.ts"), "the files were found");
  const found = files.flatMap((file) => violations(file, readFileSync(join(PROJECT, file), "utf8")));
  assert.deepEqual(found, []);
});

const LIES: [file: string, source: string][] = [
  ["src/errors.ts", `import type { Opts } from "./api.ts";`],
  ["src/trust/client.ts", `import {\n  readFile,\n} from "node:fs/promises";`],
  ["src/trust/keys.ts", `export { digestFile } from "../hash/digest-file.ts";`],
  ["src/sources/https.ts", `import { evm } from "../chain/evm.ts";`],
  ["src/chain/evm.ts", `import "../gossip/node.ts";`],
  ["src/activate/decide/decide.ts", `import { hostname } from "node:os";`],
  ["src/activate/decide/permission.ts", `import { readCurrent } from "../current.ts";`],
  ["src/gossip/node.ts", `export * from "../sources/index.ts";`],
  ["src/fetch/download.ts", `const { https } = await import("../sources/https.ts");`],
  ["src/publish/sign.ts", `import { get } from "../net/http.ts";`],
  ["src/disk/lock.ts", `import type { Output } from "../cli/output.ts";`],
  ["src/heavy/libp2p.ts", `import { UpdateError } from "../errors.ts";`],
  ["src/devnet/demo.ts", `import { platformName } from "../trust/naming.ts";`],
  ["src/net/http.ts", `import { Agent } from "undici";`],
  ["src/config/home.ts", `import { startMirror } from "../../tests/mirror.ts";`],
  ["src/cli/main.ts", `process.exitCode = 1;`],
  ["src/fetch/store.ts", `return file as LocalFile as Verified<LocalFile>;`],
  ["src/disk/atomic-file.ts", `const file = await Deno.open(path);`],
];

for (const [file, source] of LIES) {
  test(`the checker refuses ${JSON.stringify(source)} in ${file}`, () => {
    assert.equal(violations(file, source).length, 1);
  });
}

test("the checker lets pass what is allowed, and comments", () => {
  const allowed: [file: string, source: string][] = [
    ["src/trust/ed25519.ts", `import { verify } from "@noble/ed25519"; // never from "node:crypto"`],
    ["src/trust/proof.ts", `return file as Verified<LocalFile>;`],
    ["src/net/http.ts", `import { unpack } from "../heavy/unpack.ts"; /* process.exit is the entry's */`],
    ["src/cli/main.ts", `import { createOutput } from "./output.ts";`],
  ];
  assert.deepEqual(allowed.flatMap(([file, source]) => violations(file, source)), []);
});
