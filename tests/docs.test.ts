// The documents stay true to the code: what one of them says of codes, commands, files and places is looked up.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { allCommands } from "../src/cli/commands.ts";
import { GLOBAL_OPTIONS, NETWORK_OPTIONS } from "../src/cli/command.ts";
import { ERROR_CODES } from "../src/errors.ts";

const COMMANDS = await allCommands();

const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));
const read = (path: string) => readFileSync(join(PROJECT, path), "utf8");
const filesIn = (folder: string, ending: string) =>
  readdirSync(join(PROJECT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`);

const PAGES = ["README.md", "CHANGELOG.md", ...filesIn("docs", ".md")];
const CLI = read("docs/cli.md");

test("the table of error codes in docs/cli.md is the table of src/errors.ts", () => {
  const rows = [...CLI.matchAll(/^\| `(E_[A-Z_]+)` +\| (\d+) +\| ([a-z]+) +\| \S/gm)];
  const documented = rows.map(([, code, exit, retry]) => [code, { exit: Number(exit), retry }]);
  assert.deepEqual(documented, Object.entries(ERROR_CODES));
});

test("docs/cli.md names every command and every option of it", () => {
  for (const { name, options } of COMMANDS) {
    assert.ok(new RegExp(`\`${name}\\b|^### .*\\b${name}\\b`, "m").test(CLI), name);
    for (const option of Object.keys(options)) assert.ok(CLI.includes(`--${option}`), `${name} --${option}`);
  }
  for (const option of Object.keys({ ...GLOBAL_OPTIONS, ...NETWORK_OPTIONS })) {
    assert.match(CLI, new RegExp(`^\\| \`--${option}\\b`, "m"));
  }
});

test("docs/cli.md and README.md name no option that does not exist", () => {
  const known = new Set(
    COMMANDS.flatMap((c) =>
      Object.entries({ ...c.options, ...GLOBAL_OPTIONS }).flatMap(([name, o]) =>
        o.type === "truth" ? [name, `no-${name}`] : [name]
      )
    ),
  );
  // Options of the programs that run ours, or make an executable of it.
  const others = ["name", "bind", "directory", "input-type", "mirror", "compile", "outfile", "build-sea"];
  for (const page of ["docs/cli.md", "README.md"]) {
    const named = [...read(page).matchAll(/(?<![\w-])--([a-z][a-z0-9-]*[a-z0-9])/g)].map(([, name]) => name ?? "");
    assert.deepEqual(named.filter((n) => !known.has(n) && !others.includes(n)), [], page);
  }
});

test("README.md names every package that deno.json does, and no other", () => {
  const { imports } = JSON.parse(read("deno.json"));
  const rows = read("README.md").split("## Dependencies")[1]?.split("\n## ")[0]?.matchAll(/^\| (`[^|]*`) +\|/gm) ?? [];
  const named = [...rows].flatMap(([, cell = ""]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
  assert.deepEqual(named.toSorted(), Object.keys(imports).toSorted());
});

test("every link between the documents leads somewhere", () => {
  const broken: string[] = [];
  for (const page of PAGES) {
    for (const [, link = ""] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? page : join(dirname(page), path);
      if (!existsSync(join(PROJECT, target))) broken.push(`${page}: ${link}`);
      else if (anchor !== undefined && !anchorsOf(read(target)).includes(anchor)) broken.push(`${page}: ${link}`);
    }
  }
  assert.deepEqual(broken, []);
});

/** As code hosts make them of headings. */
function anchorsOf(page: string): string[] {
  return [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
  );
}

test("every file of the project that a document names exists", () => {
  const missing: string[] = [];
  for (const page of PAGES) {
    for (const [, path = ""] of read(page).matchAll(/`((?:src|build|tests|\.ci)\/[\w./-]*)`/g)) {
      if (!existsSync(join(PROJECT, path))) missing.push(`${page}: ${path}`);
    }
  }
  assert.deepEqual(missing, []);
});

test("every page that the code names exists, and says what the code quotes from it", () => {
  const missing: string[] = [];
  for (const file of [...filesIn("src", ".ts"), ...filesIn("build", ".ts"), "build.ts", "dchat-update.ts"]) {
    const comments = read(file).replace(/\n *(\/\/|\*) ?/g, " ");
    for (const [, page = ""] of comments.matchAll(/\b(docs\/[a-z-]+\.md)\b/g)) {
      if (!existsSync(join(PROJECT, page))) missing.push(`${file}: ${page}`);
    }
    for (const [, quoted = "", page = ""] of comments.matchAll(/"([^"]{3,90})" of (docs\/[a-z-]+\.md)/g)) {
      if (existsSync(join(PROJECT, page)) && !words(read(page)).includes(words(quoted))) {
        missing.push(`${file}: "${quoted}" of ${page}`);
      }
    }
  }
  assert.deepEqual(missing, []);
});

/** Text without what markup and line breaks do to it. */
function words(text: string): string {
  return text.toLowerCase().replace(/[*`]/g, "").replace(/\s+/g, " ");
}

test("every decision is numbered once and has context, decision and consequences", () => {
  const pages = filesIn("docs/decisions", ".md").toSorted();
  const numbers = pages.map((page) => /\/(\d{4})-[a-z0-9-]+\.md$/.exec(page)?.[1] ?? page);
  assert.equal(new Set(numbers).size, pages.length);
  pages.forEach((page, i) => {
    const number = numbers[i];
    assert.match(
      read(page),
      new RegExp(`^# ${number} .+\n[^]*^## Context$[^]*^## Decision$[^]*^## Consequences$`, "m"),
    );
  });
});
