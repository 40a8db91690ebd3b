// Writes the seven rounds of BLAKE3 as AssemblyScript, for the place marked ROUNDS in wasm/blake3.ts.
// A function cannot have sixteen results, so the G functions have to stand in line: they are written by a program that
// is short enough to be read, and not by hand. Each G is the BLAKE3 paper's, on v128 variables of four lanes.
// Design: "The hashing core" of docs/architecture.md. Must not: know any engine; src/hash/load-core.ts chooses.

export type KernelName = "unrolled" | "looped";

/** The order of the message words in the next round: its word i is this round's word PERMUTATION[i]. */
const PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8] as const;
const ROUNDS = 7;

/** The state words of the eight G functions of a round: four columns, then four diagonals. */
const QUARTERS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

/** Which message words each round uses, in order. */
function messageSchedule(): number[][] {
  const rounds = [PERMUTATION.map((_, i) => i)];
  while (rounds.length < ROUNDS) {
    const before = rounds.at(-1)!; // there is always one
    rounds.push(PERMUTATION.map((from) => before[from]!)); // both have 16 words
  }
  return rounds;
}

/** A statement that rotates each 32-bit word of a variable to the right. */
type Rotation = (word: string) => string;

/** Where each byte of a vector comes from. */
type ByteOrder = readonly number[];
const ROTATED_BY_16: ByteOrder = [2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13];
const ROTATED_BY_8: ByteOrder = [1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12];

const byShifts = (bits: number): Rotation => (x) =>
  `${x} = v128.or(i32x4.shr_u(${x}, ${bits}), i32x4.shl(${x}, ${32 - bits}));`;
const byBytes = (order: ByteOrder): Rotation => (x) => `${x} = i8x16.shuffle(${x}, ${x}, ${order.join(", ")});`;
/** @param mask the name of the place in memory that has the order */
const byMask = (mask: string): Rotation => (x) => `${x} = i8x16.swizzle(${x}, v128.load(${mask}));`;

// An order that was loaded V8 keeps in a register, and a swizzle by it is an instruction, and one beside it that waits
// for nothing. An order that it sees is constant it makes anew each time, and a shuffle by halves takes two in a row.
const rotate16: Record<KernelName, Rotation> = { unrolled: byMask("rotated16"), looped: byBytes(ROTATED_BY_16) };
const rotate12 = byShifts(12);
const rotate8: Record<KernelName, Rotation> = { unrolled: byMask("rotated8"), looped: byBytes(ROTATED_BY_8) };
const rotate7 = byShifts(7);

/** G on four inputs. `a` takes the message word first, because that sum need not wait for `b`. */
function g(kernel: KernelName, quarter: readonly [number, number, number, number], x: string, y: string): string[] {
  const [a, b, c, d] = [`v${quarter[0]}`, `v${quarter[1]}`, `v${quarter[2]}`, `v${quarter[3]}`] as const;
  return [
    `${a} = i32x4.add(i32x4.add(${a}, ${x}), ${b}); ${d} = v128.xor(${d}, ${a}); ${rotate16[kernel](d)}`,
    `${c} = i32x4.add(${c}, ${d}); ${b} = v128.xor(${b}, ${c}); ${rotate12(b)}`,
    `${a} = i32x4.add(i32x4.add(${a}, ${y}), ${b}); ${d} = v128.xor(${d}, ${a}); ${rotate8[kernel](d)}`,
    `${c} = i32x4.add(${c}, ${d}); ${b} = v128.xor(${b}, ${c}); ${rotate7(b)}`,
  ];
}

/** One round; `word(i)` is the expression of its i-th message word. */
function round(kernel: KernelName, word: (i: number) => string): string[] {
  return QUARTERS.flatMap((quarter, i) => g(kernel, quarter, word(2 * i), word(2 * i + 1)));
}

/**
 * The rounds over the state v0 … v15 and the words in MESSAGE.
 *
 * - `unrolled`: seven rounds in line, each word at its constant address. The fastest on V8.
 * - `looped`: one round in line, run seven times; a table says where each word is. JavaScriptCore gets slower the more
 *   of the unrolled one it optimises.
 */
export function roundsSource(kernel: KernelName): string {
  const schedule = messageSchedule();
  if (kernel === "unrolled") {
    return [
      `const rotated16 = memory.data<u8>([${ROTATED_BY_16.join(", ")}]);`,
      `const rotated8 = memory.data<u8>([${ROTATED_BY_8.join(", ")}]);`,
      ...schedule.flatMap((order) => round(kernel, (i) => `v128.load(MESSAGE, ${16 * order[i]!})`)),
    ].join("\n");
  }
  const offsets = schedule.flat().map((word) => 16 * word);
  return [
    `const schedule = memory.data<u8>([${offsets.join(", ")}]);`,
    `for (let row = schedule; row < schedule + ${offsets.length}; row += 16) {`,
    ...round(kernel, (i) => `v128.load(MESSAGE + load<u8>(row, ${i}))`),
    `}`,
  ].join("\n");
}
