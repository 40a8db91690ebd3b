// What a command is, and its arguments as typed values. Design: docs/cli.md.
// Parsing is the runtime's own `parseArgs` (docs/decisions/0003): values stay strings, unknown options are refused.
// Must not: print, exit, know any command.
import { parseArgs } from "node:util";
import { UpdateError } from "../errors.ts";
import { isPlatform, isVersion } from "../trust/naming.ts";
import type { Context } from "./context.ts";

export interface OptionSpec {
  /** "truth" is `--x`, `--no-x`, or `--x true|false|yes|no|on|off`: a setting, as opposed to a flag of one call. */
  readonly type: "string" | "boolean" | "truth";
  /** Placeholder of the value in help, such as "FILE". */
  readonly value?: string;
  readonly multiple?: boolean;
  /** Two are refused: what one of them names must not be left out in silence. Of others the last counts. */
  readonly once?: boolean;
  readonly help: string;
}

export interface Command {
  /** One or two words, such as "check" or "release add". */
  readonly name: string;
  /** One line, for help and completion. */
  readonly summary: string;
  /** Positional arguments as help shows them, such as "REPO FILE [MORE]"; a trailing "…" takes any number. */
  readonly positionals?: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** More for `--help`, already wrapped. */
  readonly details?: string;
  /** True: what it writes to stderr is a log, with `--json` an object a line, what it fails with included. */
  readonly keepsLog?: boolean;
  run(c: Context, a: Arguments): Promise<CommandResult>;
}

/** What a command says at its end: for people or, with `--json`, one document. */
export interface CommandResult {
  readonly lines: readonly string[];
  /** JSON-serialisable; its schema is in docs/schemas/. */
  readonly json: unknown;
  /** 0 unless said otherwise. */
  readonly exitCode?: number;
}

/** How it speaks. */
export const OUTPUT_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  json: { type: "boolean", help: "print one JSON document instead of text" },
  quiet: { type: "boolean", help: "no progress and no notes" },
  verbose: { type: "boolean", help: "more detail, and causes of errors" },
  "no-color": { type: "boolean", help: "plain words: no colour, no symbols" },
};

export const GLOBAL_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  home: { type: "string", value: "DIR", help: "home folder (DCHAT_HOME, default ~/.dchat)" },
  ...OUTPUT_OPTIONS,
  help: { type: "boolean", help: "show this help" },
};

/** Options of the commands that talk to the network. */
export const NETWORK_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  "ca-file": { type: "string", value: "FILE", help: "trust these certificate authorities too (PEM)" },
  "allow-insecure": { type: "boolean", help: "allow plain http to hosts that are not this machine" },
  "allow-private": { type: "boolean", help: "allow redirects to private addresses" },
  "connect-timeout": { type: "string", value: "SECONDS", help: "longest wait for a connection (10)" },
  "first-byte-timeout": { type: "string", value: "SECONDS", help: "longest wait for an answer (15)" },
  "silence-timeout": { type: "string", value: "SECONDS", help: "longest silence inside an answer (15)" },
};

/** The longest path of common systems; everything else that is taken is shorter. */
const MAX_ARGUMENT_LENGTH = 4096;
/** Slower than what a connection is given up for, a limit would make every source look dead. */
const MIN_RATE = 10_000;

function usage(message: string, hint?: string): UpdateError {
  return new UpdateError("E_USAGE", message, { hint: hint ?? "see `dchat-update help`" });
}

/** The arguments of one command, read by type. Every reader throws E_USAGE for a value that does not fit. */
export class Arguments {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly positionals: readonly string[];
  readonly #command: Command;

  constructor(command: Command, argv: readonly string[]) {
    this.#command = command;
    const options = Object.fromEntries(
      Object.entries({ ...command.options, ...GLOBAL_OPTIONS })
        .map(([name, o]) => [name, {
          type: o.type === "boolean" ? "boolean" as const : "string" as const,
          multiple: o.multiple ?? false,
        }]),
    );
    const settings = Object.keys(command.options).filter((name) => command.options[name]?.type === "truth");
    if (argv.some((a) => a.length > MAX_ARGUMENT_LENGTH)) throw usage("an argument is too long");
    try {
      const parsed = parseArgs({
        args: spellOutSettings(argv, settings),
        options,
        strict: true,
        allowPositionals: true,
        tokens: true,
      });
      this.#values = parsed.values;
      this.positionals = parsed.positionals;
      this.#checkRepeats(parsed.tokens.flatMap((t) => t.kind === "option" ? [t.name] : []));
    } catch (e) {
      if (e instanceof UpdateError) throw e;
      // parseArgs explains itself in its first sentence; the rest is advice about dashes.
      const message = e instanceof Error ? (e.message.split(/\.(?: (?=[A-Z])|\n)/)[0] ?? e.message) : String(e);
      throw usage(message, `see \`dchat-update ${command.name} --help\``);
    }
    if (!this.flag("help")) this.#checkPositionals();
  }

  #checkRepeats(given: readonly string[]): void {
    const once = given.filter((name) => this.#command.options[name]?.once === true);
    const repeated = once.find((name, i) => once.indexOf(name) < i);
    if (repeated === undefined) return;
    throw usage(
      `--${repeated} is given twice, it takes one value`,
      `see \`dchat-update ${this.#command.name} --help\``,
    );
  }

  #checkPositionals(): void {
    const names = this.#command.positionals?.split(" ") ?? [];
    const open = /\u2026\]?$/.test(names.at(-1) ?? ""); // "…"
    const least = names.filter((n) => !n.startsWith("[")).length;
    const got = this.positionals.length;
    if (got < least) throw usage(`${names[got] ?? "an argument"} is missing`, this.#usageHint());
    if (!open && got > names.length) {
      throw usage(`unexpected argument ${JSON.stringify(this.positionals[names.length])}`, this.#usageHint());
    }
  }

  #usageHint(): string {
    return `usage: dchat-update ${this.#command.name} ${this.#command.positionals ?? ""}`.trimEnd();
  }

  /** The positional at `index`; the command's own declaration has made sure that it is there. */
  positional(index: number): string {
    const value = this.positionals[index];
    if (value === undefined) throw usage("an argument is missing", this.#usageHint());
    return value;
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  string(name: string): string | undefined {
    const v = this.#values[name];
    if (v === "") throw usage(`--${name} is empty`);
    return typeof v === "string" ? v : undefined;
  }

  strings(name: string): readonly string[] {
    const v = this.#values[name];
    return Array.isArray(v) ? v.map(String) : [];
  }

  required(name: string): string {
    const v = this.string(name);
    if (v === undefined) throw usage(`--${name} is missing`, `see \`dchat-update ${this.#command.name} --help\``);
    return v;
  }

  integer(name: string, min: number, max: number): number | undefined {
    const text = this.string(name);
    if (text === undefined) return undefined;
    const n = /^-?[0-9]{1,15}$/.test(text) ? Number(text) : NaN;
    if (!(n >= min && n <= max)) throw usage(`--${name} must be a whole number from ${min} to ${max}`);
    return n;
  }

  /** A rate such as 500K, 20M or 1.5MiB, as bytes per second: decimal units, or binary ones with "iB". */
  rate(name: string): number | undefined {
    const text = this.string(name);
    if (text === undefined) return undefined;
    const [, digits, unit = "", binary] = /^([0-9]{1,12}(?:\.[0-9]{1,3})?)([KMG]?)(i?B?)$/i.exec(text) ?? [];
    const base = binary?.toLowerCase() === "ib" ? 1024 : 1000;
    const bytesPerSecond = Math.floor(Number(digits) * base ** ["", "K", "M", "G"].indexOf(unit.toUpperCase()));
    if (!(bytesPerSecond >= MIN_RATE)) {
      throw usage(`--${name} must be bytes per second such as 500K, 20M or 1.5MiB, and ${MIN_RATE} at least`);
    }
    return bytesPerSecond;
  }

  /** A number of seconds, with fractions, as whole milliseconds. */
  seconds(name: string, maxSeconds: number): number | undefined {
    const text = this.string(name);
    if (text === undefined) return undefined;
    const n = /^[0-9]{1,9}(\.[0-9]{1,3})?$/.test(text) ? Number(text) : NaN;
    if (!(n > 0 && n <= maxSeconds)) throw usage(`--${name} must be a number of seconds up to ${maxSeconds}`);
    return Math.round(n * 1000);
  }

  version(name: string): string | undefined {
    const text = this.string(name);
    if (text === undefined || isVersion(text)) return text;
    throw usage(`--${name} must be a semantic version such as 1.0.0`);
  }

  platform(name: string): string | undefined {
    const text = this.string(name);
    if (text === undefined || isPlatform(text)) return text;
    throw usage(`--${name} must be like linux-x64`);
  }

  oneOf<const T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const text = this.string(name);
    if (text === undefined) return undefined;
    const found = allowed.find((a) => a === text);
    if (found === undefined) throw usage(`--${name} must be one of ${allowed.join(", ")}`);
    return found;
  }

  /** An option of type "truth"; undefined when it was not given. */
  truth(name: string): boolean | undefined {
    const text = this.oneOf(name, TRUTH_WORDS);
    return text === undefined ? undefined : text === "true" || text === "yes" || text === "on";
  }
}

const TRUTH_WORDS = ["true", "false", "yes", "no", "on", "off"] as const;

/** `--x` → `--x=true`, `--no-x` → `--x=false`, `--x word` → `--x=word`, for options of type "truth". */
function spellOutSettings(argv: readonly string[], settings: readonly string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i] ?? "";
    const negated = settings.find((name) => arg === `--no-${name}`);
    if (negated !== undefined) {
      out.push(`--${negated}=false`);
    } else if (settings.some((name) => arg === `--${name}`)) {
      const next = TRUTH_WORDS.find((word) => word === argv[i + 1]);
      if (next !== undefined) i++;
      out.push(`${arg}=${next ?? "true"}`);
    } else {
      out.push(arg);
    }
  }
  return out;
}
