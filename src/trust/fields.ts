// Reads typed fields out of strictly parsed JSON, with one kind of error for whatever is not as it should be.
// Must not: know which documents exist.
import { UpdateError } from "../errors.ts";
import { fromHex } from "./hex.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";

/** Years beyond 9999 and finer grains than a second do not occur in TUF's own format. */
const TUF_TIME = /^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/;
const RFC3339 = /^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/** A position inside a document: a value and how to name it in an error. */
export class Field {
  readonly value: Json | undefined;
  readonly where: string;

  constructor(value: Json | undefined, where: string) {
    this.value = value;
    this.where = where;
  }

  fail(why: string): never {
    throw new UpdateError("E_MALFORMED", `${this.where}: ${why}`);
  }

  get present(): boolean {
    return this.value !== undefined;
  }

  get(key: string): Field {
    const shown = /^[\w.-]{1,64}$/.test(key) ? `.${key}` : `[${JSON.stringify(key.slice(0, 64))}]`;
    return new Field(this.object()[key], this.where + shown);
  }

  /** `read` of this field, or undefined where the document does not have it. */
  optional<T>(read: (f: Field) => T): T | undefined {
    return this.present ? read(this) : undefined;
  }

  object(): JsonObject {
    return isJsonObject(this.value) ? this.value : this.fail("must be an object");
  }

  entries(): [string, Field][] {
    return Object.keys(this.object()).map((key) => [key, this.get(key)]);
  }

  array(): Field[] {
    if (!Array.isArray(this.value)) return this.fail("must be an array");
    return this.value.map((v: Json, i) => new Field(v, `${this.where}[${i}]`));
  }

  string(): string {
    return typeof this.value === "string" ? this.value : this.fail("must be a string");
  }

  /** A string that is shown to people or becomes part of a path: bounded, no control characters, no turned direction. */
  line(maxLength = 1024): string {
    const s = this.string();
    // deno-lint-ignore no-control-regex -- refusing control characters is the purpose
    if (s.length > maxLength || /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/.test(s)) {
      return this.fail(`must be one line of at most ${maxLength} characters`);
    }
    return s;
  }

  boolean(): boolean {
    return typeof this.value === "boolean" ? this.value : this.fail("must be true or false");
  }

  /** The parser has made sure that a number is a safe integer. */
  integer(min: number): number {
    const n = this.value;
    return typeof n === "number" && n >= min ? n : this.fail(`must be an integer of at least ${min}`);
  }

  hex(byteLength: number): string {
    const s = this.string();
    return fromHex(s, byteLength) === undefined ? this.fail(`must be ${byteLength * 2} lowercase hex digits`) : s;
  }

  oneOf<const T extends string>(allowed: readonly T[]): T {
    const s = this.string();
    return allowed.find((a) => a === s) ?? this.fail(`must be one of ${allowed.join(", ")}`);
  }

  /** TUF's time format, `YYYY-MM-DDTHH:MM:SSZ`, as milliseconds since the epoch. */
  tufTime(): number {
    return this.#time(TUF_TIME, "must be a time like 2026-01-31T00:00:00Z");
  }

  /** Any RFC 3339 time; returned as it was written. */
  rfc3339(): string {
    this.#time(RFC3339, "must be an RFC 3339 time");
    return this.string();
  }

  #time(pattern: RegExp, why: string): number {
    const s = this.string();
    const ms = pattern.test(s) ? Date.parse(s) : NaN; // what else Date.parse reads differs between runtimes
    if (Number.isNaN(ms)) return this.fail(why);
    // Date.parse rolls 30 February over into March: the day must survive the round trip.
    const utcMidnight = Date.parse(`${s.slice(0, 10)}T00:00:00Z`);
    return new Date(utcMidnight).toISOString().startsWith(s.slice(0, 10)) ? ms : this.fail(why);
  }
}
