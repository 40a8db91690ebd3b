// The shelf of a node that gives nothing. Must not: have anything.
import type { Shelf } from "../../src/gossip/shelf.ts";

export const EMPTY_SHELF: Shelf = { find: () => Promise.resolve(undefined) };
