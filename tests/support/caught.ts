// What must hold after every lie: the exit code, one clear line, the trusted state untouched, nothing unproven in
// packages/, the liar named; and that one honest mirror beside the liar is enough.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { ERROR_CODES, type ErrorCode } from "../../src/errors.ts";
import type { Outcome } from "./bundled-cli.ts";
import type { LyingMirror } from "./lying-mirror.ts";
import type { HomeSnapshot, Operator } from "./operator.ts";

export interface Expectation {
  readonly code: ErrorCode;
  /** "lie": an alert names the mirror and the code. "fault": old, dead or slow, which is no lie and no alert. */
  readonly verdict: "lie" | "fault";
  /** "new root": the lie rides on a genuine root, which is kept. Default: "untouched". */
  readonly trust?: "untouched" | "new root";
  /** False where the honest mirror may have given everything before anybody noticed. Default: true. */
  readonly isNoticed?: boolean;
}

export interface Scene {
  readonly operator: Operator;
  readonly liar: LyingMirror;
  /** Serves the truth; the operator does not know it yet. */
  readonly honest: LyingMirror;
  /** SHA-256 of all that was ever signed. */
  readonly digests: ReadonlySet<string>;
}

/** Runs a command against the liar alone, then with the honest mirror added. @returns both outcomes */
export async function requireCaught(
  { operator, liar, honest, digests }: Scene,
  args: readonly string[],
  expected: Expectation,
): Promise<{ alone: Outcome; together: Outcome }> {
  const before = operator.snapshot();
  const alone = await operator.run(...args);
  const after = operator.snapshot();
  requireError(alone, expected.code);
  if (expected.trust === "new root") requireNewRootOnly(before.state, after.state);
  else assert.ok(after.state === before.state, "trust/state.json was changed"); // without two whole files in the message
  requireProvenPackages(after.packages, digests);
  assert.deepEqual(after.outside, before.outside, "something was written outside the home");
  const blamed = after.alerts.slice(before.alerts.length).filter((a) => a.source === liar.url);
  if (expected.verdict === "lie") {
    assert.ok(blamed.some((a) => a.code === expected.code), `no alert names the liar: ${JSON.stringify(after.alerts)}`);
    for (const alert of blamed) requirePrintable(Object.values(alert).join(" "));
  } else {
    assert.deepEqual(blamed, [], "an alert for what was no lie");
  }
  await operator.succeed("add-mirror", "--url", honest.url);
  // One honest mirror is enough beside a liar whom nobody knows yet; one who is known is asked last.
  rmSync(join(operator.home, "mirror-health.json"), { force: true });
  const together = await operator.run(...args);
  assert.equal(together.code, 0, `with an honest mirror: ${together.stderr}`);
  const isNamed = `${together.stdout}${together.stderr}`.includes(liar.url);
  assert.ok(isNamed || expected.isNoticed === false, `the liar is not named: ${together.stderr}`);
  requirePrintable(together.stderr);
  requireProvenPackages(operator.snapshot().packages, digests);
  return { alone, together };
}

// A path, two mirrors' URLs and their reasons; more is not one clear line.
const MAX_ERROR_LINE = 1200;

/** The exit code of the table, one line that says so, and nothing else that a person would have to wade through. */
export function requireError({ code, stdout, stderr }: Outcome, expected: ErrorCode): void {
  const lines = stderr.split("\n").filter((line) => line.startsWith("error "));
  assert.equal(lines.length, 1, `one error line in: ${JSON.stringify(stderr)}`);
  const [line = ""] = lines;
  assert.equal(/^error (E_[A-Z_]+): ./.exec(line)?.[1], expected, stderr);
  assert.equal(code, ERROR_CODES[expected].exit, stderr);
  assert.ok(line.length <= MAX_ERROR_LINE, `an error line of ${line.length} characters`);
  assert.doesNotMatch(stderr, /^\s+at .*[:(]\d+/m, "a stack trace");
  assert.equal(stdout, "");
  requirePrintable(stderr);
}

/** No control characters: nothing may move the cursor, recolour the terminal or reorder text. */
export function requirePrintable(text: string): void {
  // deno-lint-ignore no-control-regex -- control characters are exactly what is looked for
  const found = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.exec(text);
  assert.equal(found, null, `a control character in ${JSON.stringify(text)}`);
}

export function requireProvenPackages(packages: HomeSnapshot["packages"], digests: ReadonlySet<string>): void {
  for (const [name, digest] of packages) assert.ok(digests.has(digest), `packages/${name} was never signed`);
}

/** A genuine new root is kept; of the rest only what it still vouches for, and nothing that was not there before. */
function requireNewRootOnly(before: string, after: string): void {
  const { roots: oldRoots, ...old } = JSON.parse(before);
  const { roots: newRoots, ...now } = JSON.parse(after);
  assert.deepEqual(newRoots.slice(0, oldRoots.length), oldRoots);
  assert.equal(newRoots.length, oldRoots.length + 1);
  if (now.timestamp !== undefined) assert.deepEqual(now, old);
  else assert.deepEqual({ ...now, targets: {} }, { format: old.format, targets: {} });
}
