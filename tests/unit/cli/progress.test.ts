// The progress of long work as a terminal shows it. docs/cli.md, "Words people see".
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOutput } from "../../../src/cli/output.ts";
import { createProgress, type ProgressSource } from "../../../src/cli/progress.ts";

const MB = 1_000_000;

/** As much of a terminal as a bar needs: what stands on its lines, and the longest line that was ever written. */
function createScreen(columns: number) {
  const lines = [""];
  let row = 0, longest = 0;
  return {
    isTTY: true,
    columns,
    write(text: string) {
      // deno-lint-ignore no-control-regex -- the escapes that a bar is made of
      for (const [part] of text.matchAll(/\r|\n|\u001b\[2K|\u001b\[1A|[^\r\n\u001b]+/g)) {
        if (part === "\n") lines[++row] ??= "";
        else if (part === "\u001b[1A") row--;
        else if (part === "\u001b[2K") lines[row] = "";
        else if (part !== "\r") lines[row] += part;
        longest = Math.max(longest, lines[row]?.length ?? 0);
      }
    },
    shown: () => lines.filter((line) => line !== ""),
    longest: () => longest,
  };
}

/** A download of 50 MB at 2 MB/s that is half done, on a terminal of so many columns. */
function halfDone(columns: number, from: string | readonly ProgressSource[], plain = false) {
  const screen = createScreen(columns);
  const speaks = { stdout: screen, stderr: screen, json: false, quiet: false, verbose: false, plain };
  let nowMs = 0;
  const progress = createProgress(createOutput(speaks), "downloading", 50 * MB, () => nowMs);
  for (; nowMs <= 12_500; nowMs += 500) progress.update(nowMs / 500 * MB, from);
  return { screen, progress };
}

const sources = (count: number): ProgressSource[] =>
  Array.from({ length: count }, (_, i) => ({ id: `https://m${i}.example.org/dchat`, bytesPerSecond: (i + 1) * MB }));

const FIGURES = "50 % 25\\.0 MB of 50\\.0 MB {2}2\\.0 MB/s {2}13 s left";

test("a terminal of 80 columns shows a bar, bytes, rate, time left and who gives them", () => {
  const [bar, source] = halfDone(80, sources(1)).screen.shown();
  assert.match(bar ?? "", new RegExp(`^downloading █{10}░{11} {2}${FIGURES}$`));
  assert.equal(source, "  m0.example.org/dchat");
  assert.match(halfDone(80, "cache").screen.shown().join("|"), new RegExp(`^downloading █+░+ {2}${FIGURES} {2}cache$`));
  assert.match(
    halfDone(120, sources(1)).screen.shown().join("|"),
    /^downloading █{12}░{12} .* left {2}m0\.example\.org\/dchat$/,
  );
});

test("several sources have a line of their own, each with its rate", () => {
  const [bar, each] = halfDone(80, sources(2)).screen.shown();
  assert.match(bar ?? "", new RegExp(`^downloading █{10}░{11} {2}${FIGURES}$`));
  assert.equal(each, "  m0.example.org/dchat 1.0 MB/s, m1.example.org/dchat 2.0 MB/s");
});

test("what does not fit is counted, and no line is wider than the terminal", () => {
  for (const columns of [0, 1, 20, 40, 60, 79, 80, 200]) {
    for (const count of [0, 1, 2, 5, 40]) {
      const { screen } = halfDone(columns, sources(count));
      assert.ok(screen.longest() < Math.max(20, columns), `${columns} columns, ${count} sources`);
    }
  }
  const { screen } = halfDone(80, sources(5));
  assert.equal(screen.shown()[1], "  m0.example.org/dchat 1.0 MB/s, m1.example.org/dchat 2.0 MB/s, +3");
  assert.deepEqual(halfDone(60, []).screen.shown()[0]?.match(/\d+ s left/)?.length, 1);
});

test("nothing is left of it at its end, whatever it has shown", () => {
  for (const from of ["checking what is already here", sources(1), sources(3)]) {
    const { screen, progress } = halfDone(80, from);
    progress.update(26 * MB, []); // fewer lines than before
    progress.end();
    progress.end();
    assert.deepEqual(screen.shown(), []);
  }
});

test("plain words draw the bar in ASCII", () => {
  assert.match(halfDone(80, sources(2), true).screen.shown().join(""), /^downloading #+\.+ [\x20-\x7e]+$/);
});
