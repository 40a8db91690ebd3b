// Strict JSON for everything that is signed, and its canonical (OLPC) bytes.
// Design: "Formats", first paragraph. Two readers must never see two meanings in one text, so whatever JSON leaves
// open is refused here: duplicate keys, numbers that are not safe integers, lone surrogates, deep nesting.
// Must not: know any format built on top of it.
import { UpdateError } from "../errors.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
/** Objects have no prototype: a key named `__proto__` is a key like any other. */
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Real metadata nests about ten deep; the bound keeps the recursive parser far from the stack's end. */
export const MAX_JSON_DEPTH = 64;

function malformed(what: string, why: string): UpdateError {
  return new UpdateError("E_MALFORMED", `${what}: ${why}`);
}

/**
 * Parses strict JSON.
 * @param bytes UTF-8 without a byte order mark
 * @param what names the document in errors
 * @throws UpdateError E_MALFORMED
 */
export function parseJson(bytes: Uint8Array, what: string): Json {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed(what, "not UTF-8 text");
  }
  return new Parser(text, what).document();
}

/** As `parseJson`, for documents that must be an object. */
export function parseJsonObject(bytes: Uint8Array, what: string): JsonObject {
  const value = parseJson(bytes, what);
  if (!isJsonObject(value)) throw malformed(what, "not a JSON object");
  return value;
}

export function isJsonObject(v: Json | undefined): v is JsonObject {
  return typeof v === "object" && v !== null && !Array.isArray(v);
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};
const INTEGER = /-?(?:0|[1-9][0-9]*)/y;
/** Space, tab, line feed, carriage return. A set, not a pattern: this is asked between all tokens. */
const WHITESPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);
// deno-lint-ignore no-control-regex -- control characters are exactly what a JSON string may not hold
const PLAIN_RUN = /[^"\\\u0000-\u001f]*/y;

class Parser {
  readonly #text: string;
  readonly #what: string;
  #at = 0;

  constructor(text: string, what: string) {
    this.#text = text;
    this.#what = what;
  }

  document(): Json {
    const value = this.#value(0);
    this.#skipWhitespace();
    if (this.#at !== this.#text.length) throw this.#error("something follows the JSON value");
    return value;
  }

  #error(why: string): UpdateError {
    return malformed(this.#what, `${why} (at character ${this.#at})`);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  #skipWhitespace(): void {
    while (WHITESPACE.has(this.#text.charCodeAt(this.#at))) this.#at++;
  }

  #take(char: string): boolean {
    this.#skipWhitespace();
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #value(depth: number): Json {
    if (depth > MAX_JSON_DEPTH) throw this.#error(`nested deeper than ${MAX_JSON_DEPTH}`);
    this.#skipWhitespace();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  #word<T extends Json>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#error("not JSON");
    this.#at += word.length;
    return value;
  }

  #number(): number {
    const digits = this.#match(INTEGER);
    if (digits === "") throw this.#error("not JSON");
    const next = this.#text[this.#at];
    if (next === "." || next === "e" || next === "E") throw this.#error("a number that is not an integer");
    const value = Number(digits);
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw this.#error("a number beyond the safe integers");
    return value;
  }

  #string(): string {
    this.#at++;
    let out = "";
    for (;;) {
      out += this.#match(PLAIN_RUN);
      const c = this.#text[this.#at++];
      if (c === '"') break;
      if (c !== "\\") throw this.#error("an unfinished string");
      const e = this.#text[this.#at++] ?? "";
      if (e === "u") {
        const hex = this.#text.slice(this.#at, this.#at + 4);
        if (!/^[0-9a-fA-F]{4}$/.test(hex)) throw this.#error("a bad escape in a string");
        out += String.fromCharCode(parseInt(hex, 16));
        this.#at += 4;
      } else {
        const plain = ESCAPES[e];
        if (plain === undefined) throw this.#error("a bad escape in a string");
        out += plain;
      }
    }
    if (!out.isWellFormed()) throw this.#error("a lone surrogate in a string");
    return out;
  }

  #array(depth: number): readonly Json[] {
    this.#at++;
    const out: Json[] = [];
    if (this.#take("]")) return out;
    do out.push(this.#value(depth + 1)); while (this.#take(","));
    if (!this.#take("]")) throw this.#error("an unfinished array");
    return out;
  }

  #object(depth: number): JsonObject {
    this.#at++;
    // The cast: Object.create is typed any; a null prototype is what makes keys safe.
    const out = Object.create(null) as Record<string, Json>;
    if (this.#take("}")) return out;
    do {
      this.#skipWhitespace();
      if (this.#text[this.#at] !== '"') throw this.#error("an object key is missing");
      const key = this.#string();
      if (key in out) throw this.#error(`the key ${JSON.stringify(key.slice(0, 64))} stands twice`);
      if (!this.#take(":")) throw this.#error("a colon is missing");
      out[key] = this.#value(depth + 1);
    } while (this.#take(","));
    if (!this.#take("}")) throw this.#error("an unfinished object");
    return out;
  }
}

/** Orders by Unicode code point; JavaScript's own order is by UTF-16 unit and differs above U+FFFF. */
export function compareCodePoints(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i), y = b.charCodeAt(i);
    if (x !== y) return surrogatesLast(x) - surrogatesLast(y);
  }
  return a.length - b.length;
}

function surrogatesLast(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/**
 * The canonical JSON text of a value (OLPC: sorted keys, no spaces, only `"` and `\` escaped).
 * @throws UpdateError E_MALFORMED for numbers that are not safe integers and for lone surrogates
 */
export function canonicalText(value: Json): string {
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) throw malformed("canonical JSON", "a lone surrogate in a string");
      return `"${value.replace(/["\\]/g, "\\$&")}"`;
    case "number":
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
        throw malformed("canonical JSON", "a number that is not a safe integer");
      }
      return String(value);
    case "boolean":
      return String(value);
    default:
      break;
  }
  if (value === null) return "null";
  // The cast: Array.isArray does not narrow readonly arrays.
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(canonicalText).join(",")}]`;
  const object = value as JsonObject;
  const keys = Object.keys(object).sort(compareCodePoints);
  return `{${keys.map((k) => `${canonicalText(k)}:${canonicalText(object[k] ?? null)}`).join(",")}}`;
}

/** The bytes that signatures and key ids are made over. */
export function canonicalBytes(value: Json): Uint8Array {
  return new TextEncoder().encode(canonicalText(value));
}
