// The licence notice of a bundled file: every package in it with its version and its licence in full.
// Design: "One bundled file" of docs/architecture.md.
// Must not: guess; a package that does not say its licence fails the build.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * @param project the project's folder, with its own LICENSE
 * @param title the project's own name and version
 * @param files the source files in the bundle, relative to `project`
 * @returns one comment block: for each text who holds rights under it, a line each, and then its terms, once
 */
export async function licenceNotice(project: string, title: string, files: Iterable<string>): Promise<string> {
  const byTerms = new Map<string, { readonly terms: string; readonly titles: Map<string, Set<string>> }>();
  const add = (of: string, text: string) => {
    const { terms, holders } = parted(ascii(text));
    const section = byTerms.get(laidOut(terms)) ?? { terms, titles: new Map<string, Set<string>>() };
    section.titles.set(holders, (section.titles.get(holders) ?? new Set()).add(of));
    byTerms.set(laidOut(terms), section);
  };
  add(title, await licenceText(project));
  const folders = new Set([...files].map(packageFolder).filter((folder) => folder !== undefined));
  for (const folder of [...folders].sort()) {
    const { name, version } = await manifestOf(join(project, folder));
    add(`${name} ${version}`, await licenceText(join(project, folder)));
  }
  const sections = [...byTerms.values()].map(({ terms, titles }) => {
    const heads = [...titles].map(([holders, names]) => [[...names].join(", "), holders].filter(Boolean).join(": "));
    return `${heads.join("\n")}\n\n${terms}`;
  });
  return `/*!\n${sections.join("\n\n---\n\n").replaceAll("*/", "* /")}\n*/\n`;
}

const HOLDER = /^[ \t]*Copyright (\(c\)|\d{4}).*$/gim;
/** Where a licence has a place for a holder and nobody has filled it in. */
const NO_HOLDER = /^[ \t]*Copyright \[yyyy\].*$/gim;
/** The terms are known by what they say: the MIT licence has many titles and one text. */
const TITLE = /^(The )?MIT License( \((MIT|Expat)\))?\n/;

/** What differs between texts of one licence, who holds the rights, and what does not. */
function parted(text: string): { readonly terms: string; readonly holders: string } {
  const holders = [...text.matchAll(HOLDER)].map(([line]) => line.trim()).join("; ");
  return {
    terms: text.replace(HOLDER, "").replace(NO_HOLDER, "").replace(TITLE, "").replace(/\n{3,}/g, "\n\n").trim(),
    holders,
  };
}

/** A single other character makes an engine keep the whole file in two bytes a character; Deno takes 7 ms longer. */
function ascii(text: string): string {
  const plain = text.replaceAll(/[“”]/g, '"').replaceAll(/[‘’]/g, "'").replaceAll("©", "(c)").replaceAll(/[–—]/g, "-");
  const other = /[^\0-\x7f]/.exec(plain)?.[0];
  if (other !== undefined) throw new Error(`a licence text has a character that is not ASCII: ${other}`);
  return plain;
}

/** One text in two layouts is one text. */
function laidOut(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** The folder of the package that a file belongs to; undefined for the project's own and for generated files. */
function packageFolder(file: string): string | undefined {
  if (/^[\w-]{2,}:/.test(file)) return undefined; // esbuild's mark of a file that a plugin made
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file.replaceAll("\\", "/"))?.[0];
}

async function licenceText(folder: string): Promise<string> {
  const file = (await readdir(folder)).sort().find((name) => /^(licen[cs]e|copying)\b/i.test(name));
  if (file !== undefined) return (await readFile(join(folder, file), "utf8")).replaceAll("\r\n", "\n").trim();
  const { name, license, author } = await manifestOf(folder);
  if (license === undefined) throw new Error(`${name} does not say its licence: it cannot be bundled`);
  return [license, author?.name ?? author].filter((line) => line !== undefined).join("\n");
}

interface Manifest {
  name: string;
  version: string;
  license?: string;
  author?: string & { name?: string };
}

async function manifestOf(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
}
