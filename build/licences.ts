// The licence notice of a bundled file: every package in it with its version and its licence in full.
// Design: "One bundled file" of docs/architecture.md.
// Must not: guess; a package that does not say its licence fails the build.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * @param project the project's folder, with its own LICENSE
 * @param title the project's own name and version
 * @param files the source files in the bundle, relative to `project`
 * @returns one comment block; packages with the same text share it
 */
export async function licenceNotice(project: string, title: string, files: Iterable<string>): Promise<string> {
  const own = await licenceText(project);
  const titlesByText = new Map([[laidOut(own), { text: own, titles: new Set([title]) }]]);
  const folders = new Set([...files].map(packageFolder).filter((folder) => folder !== undefined));
  for (const folder of [...folders].sort()) {
    const { name, version } = await manifestOf(join(project, folder));
    const text = await licenceText(join(project, folder));
    const section = titlesByText.get(laidOut(text)) ?? { text, titles: new Set() };
    section.titles.add(`${name} ${version}`);
    titlesByText.set(laidOut(text), section);
  }
  const sections = [...titlesByText.values()].map(({ text, titles }) => `${[...titles].join(", ")}\n\n${text}`);
  return `/*!\n${ascii(sections.join("\n\n---\n\n")).replaceAll("*/", "* /")}\n*/\n`;
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
