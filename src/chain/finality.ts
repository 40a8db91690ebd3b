// The root's rule of what is final, applied to what a chain says. Design: "Formats", x-dchat, chain.finality. Pure.
// Must not: ask anybody.
import { UpdateError } from "../errors.ts";
import type { Finality } from "../trust/x-dchat.ts";

/** The rule in one word, for messages, for programs, and as `release init` takes it. */
export function finalityText(finality: Finality): string {
  if (finality === "instant") return "instant";
  return "tag" in finality ? `tag:${finality.tag}` : `depth:${finality.depth}`;
}

/** The newest final block where the chain has nothing of its own to say so. */
export function finalHeight(latest: number, finality: "instant" | { readonly depth: number }): number {
  return finality === "instant" ? latest : Math.max(0, latest - finality.depth);
}

/** @throws UpdateError E_USAGE for a tag that this kind of chain does not have */
export function withoutTag(kind: string, finality: Finality): "instant" | { readonly depth: number } {
  if (finality === "instant" || !("tag" in finality)) return finality;
  throw new UpdateError(
    "E_USAGE",
    `the root asks for blocks with the tag ${JSON.stringify(finality.tag)}: ${kind} has none`,
  );
}
