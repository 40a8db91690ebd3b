// The plot of tests/bench/gossip-spread.ts: how many nodes know of a release, and how many have it, over time.
// Must not: need a font, a script or anything but the numbers.

export interface Spread {
  /** Milliseconds since the announcement, ascending, a value for each node. */
  readonly known: readonly number[];
  readonly have: readonly number[];
  readonly nodes: number;
  readonly mebibytes: number;
}

const WIDTH = 720, HEIGHT = 320;
const LEFT = 60, RIGHT = 20, TOP = 40, BOTTOM = 50;
/** From here on; it is a logarithmic axis. */
const FIRST_MS = 10;

/** @returns an SVG document */
export function spreadPlot({ known, have, nodes, mebibytes }: Spread): string {
  const lastMs = Math.max(10_000, ...have) * 1.2;
  const decades = Math.log10(lastMs / FIRST_MS);
  const x = (ms: number) => LEFT + (WIDTH - LEFT - RIGHT) * Math.log10(Math.max(ms, FIRST_MS) / FIRST_MS) / decades;
  const y = (count: number) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * count / nodes;
  const n = (value: number) => value.toFixed(1);
  const steps = (times: readonly number[]) =>
    `M ${n(x(FIRST_MS))} ${n(y(0))} ` + times.map((ms, i) => `H ${n(x(ms))} V ${n(y(i + 1))}`).join(" ") +
    ` H ${n(WIDTH - RIGHT)}`;
  const ticks = Array.from({ length: Math.floor(decades) + 1 }, (_, i) => FIRST_MS * 10 ** i);
  const label = (ms: number) => ms < 1000 ? `${ms} ms` : `${ms / 1000} s`;
  const text = (at: [number, number], anchor: string, content: string, colour = "#444") =>
    `<text x="${n(at[0])}" y="${n(at[1])}" text-anchor="${anchor}" fill="${colour}">${content}</text>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(
      [LEFT, 22],
      "start",
      `${nodes} nodes and a publisher: who knows of a release, and who has its ${mebibytes} MiB`,
    ),
    ...ticks.map((ms) =>
      `<path d="M ${n(x(ms))} ${TOP} V ${HEIGHT - BOTTOM}" stroke="#ddd"/>` +
      text([x(ms), HEIGHT - BOTTOM + 18], "middle", label(ms))
    ),
    ...[0, nodes / 2, nodes].map((count) => text([LEFT - 8, y(count) + 4], "end", String(Math.round(count)))),
    text([WIDTH / 2, HEIGHT - 10], "middle", "time since the publisher knew of it"),
    `<path d="${steps(known)}" fill="none" stroke="#0a6" stroke-width="2"/>`,
    `<path d="${steps(have)}" fill="none" stroke="#36c" stroke-width="2"/>`,
    text([x(known.at(-1) ?? FIRST_MS) + 8, y(nodes) + 16], "start", "know of it", "#0a6"),
    text([x(have[0] ?? FIRST_MS) - 8, y(nodes / 4)], "end", "have it, proven", "#36c"),
    `</svg>`,
    "",
  ].join("\n");
}
