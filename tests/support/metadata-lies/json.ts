// Files that two readers could read in two ways, or that break a reader. No key is needed to make them.
import { replaced } from "./forge.ts";
import { lieOver, type MetadataLie, ROLES } from "./metadata-lie.ts";

type Rewrite = (text: string) => string;

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Replaces the one occurrence of a text; a lie that changes nothing would be no test. */
function swap(text: string, from: string | RegExp, to: string): string {
  const changed = text.replace(from, to);
  if (changed === text) throw new Error(`no ${from} in it`);
  return changed;
}

const malformed = (role: string, title: string, rewrite: Rewrite): MetadataLie =>
  lieOver(
    "withoutDigests",
    { title: `a ${role} with ${title}`, code: "E_MALFORMED", verdict: "lie" },
    ({ honest }) => replaced(roleAhead(honest, role), role, (bytes) => encode(rewrite(decode(bytes)))),
  );

/** A mirror that offers no next root cannot spoil it: the current one is offered again under the next number. */
function roleAhead(files: ReadonlyMap<string, Uint8Array>, role: string): ReadonlyMap<string, Uint8Array> {
  const root = files.get("metadata/1.root.json");
  return role === "root" && root !== undefined ? new Map([...files, ["metadata/2.root.json", root]]) : files;
}

const version = (to: string): Rewrite => (text) => swap(text, /"version": \d+/, `"version": ${to}`);
const deep = (depth: number): Rewrite => () => `${"[".repeat(depth)}${"]".repeat(depth)}`;

/** Each is refused before a signature is looked at, so one role shows what holds for all. */
const NUMBERS = [
  "9007199254740992",
  "-9007199254740993",
  "123456789012345678901234567890",
  "1e999",
  "3e0",
  "3.0",
  "-0",
];

export const JSON_LIES: readonly MetadataLie[] = [
  // 2 · 100,000 characters are within every limit but that of the timestamp.
  ...ROLES.filter((role) => role !== "timestamp").map((role) =>
    malformed(role, "arrays nested 100,000 deep", deep(100_000))
  ),
  lieOver(
    "withoutDigests",
    { title: "a timestamp with arrays nested 100,000 deep", code: "E_TOO_LARGE", verdict: "lie" },
    ({ honest }) => replaced(honest, "timestamp", () => encode(deep(100_000)(""))),
  ),
  malformed("timestamp", "arrays nested as deep as its limit lets it", deep(8_000)),
  malformed("snapshot", "objects nested 100,000 deep", () => '{"a":'.repeat(100_000)),
  ...NUMBERS.map((number) => malformed("timestamp", `the number ${number}`, version(number))),
  ...ROLES.flatMap((role) => [
    malformed(role, "a number beyond the safe integers", version("9007199254740993")),
    malformed(
      role,
      "one key twice",
      (text) => swap(text, /"version": (\d+)/, '"version": 9, "version": $1'),
    ),
  ]),
  malformed(
    "timestamp",
    "one key twice, once escaped",
    (text) => swap(text, /"version": (\d+)/, '"\\u0076ersion": 9, "version": $1'),
  ),
  malformed(
    "timestamp",
    "two signed parts",
    (text) => swap(text, '"signed":', '"signed": {"version": 99}, "signed":'),
  ),
  malformed("timestamp", "a lone surrogate", (text) => swap(text, "1.0.31", "\\ud800")),
  malformed("timestamp", "a byte order mark", (text) => `\ufeff${text}`),
  malformed("timestamp", "something behind its end", (text) => `${text}{}`),
  malformed("timestamp", "a NUL character", (text) => swap(text, "1.0.31", "1.0.31\0")),
  malformed("timestamp", "nothing in it", () => ""),
];
