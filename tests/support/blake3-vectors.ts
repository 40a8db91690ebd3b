// The official BLAKE3 vectors of hash mode, where they are on this machine.
import { readFileSync } from "node:fs";

export { sequence } from "./sequence.ts";

export interface Blake3Vector {
  readonly length: number;
  /** 64 hex digits. */
  readonly digest: string;
}

/** Undefined where the file with the vectors is not beside the project. */
export function blake3Vectors(): readonly Blake3Vector[] | undefined {
  let text: string;
  try {
    text = readFileSync(new URL("../../../shared/vectors/blake3.json", import.meta.url), "utf8");
  } catch {
    return undefined;
  }
  const { cases } = JSON.parse(text) as { cases: { input_len: number; hash: string }[] };
  return cases.map(({ input_len, hash }) => ({ length: input_len, digest: hash.slice(0, 64) }));
}
