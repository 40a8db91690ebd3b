// chain-heights.json: the largest finalized height of each chain, kept for ever. Design: docs/formats.md,
// chain-heights.json. Written whole or not at all, and upward only, whoever else writes at the same time.
// Must not: be lost silently. A file that does not read is an error: a smaller height selects an older version.
import { join } from "node:path";
import type { Opts } from "../api.ts";
import { corruptIfMalformed, jsonBytes, readFileIfThere } from "../config/home-file.ts";
import { sweepLeftovers, writeFileAtomic } from "../disk/atomic-file.ts";
import { withLock } from "../disk/lock.ts";
import { Field } from "../trust/fields.ts";
import { type Json, parseJsonObject } from "../trust/json.ts";
import type { ChainIdentity } from "../trust/x-dchat.ts";
import type { HeightMemory } from "./chain-state.ts";

const FORMAT = "dchat-chain-heights-1";
const FILE_NAME = "chain-heights.json";
/** A root that names another chain is rare; a node has seen one or two. */
const MAX_CHAINS = 64;
/** So many entries with the longest names come to some 40 KB. */
const MAX_FILE_BYTES = 256 * 1024;
const RESTORE = "restore the file from a backup; removing it forgets which heights were final";

/** The memory of one chain. */
export interface HeightStore {
  /** Undefined before the first height. @throws UpdateError E_STATE_CORRUPT, E_IO */
  load(): Promise<HeightMemory | undefined>;
  /** Keeps the larger height, here and of what others kept meanwhile. @throws UpdateError E_STATE_CORRUPT, E_IO, E_LOCKED */
  raise(memory: HeightMemory, o: Opts): Promise<void>;
  /** Notes that the schedule was looked at whole, now: at the height that is kept; nothing without one. */
  noteLook(o: Opts): Promise<void>;
  /** Forgets the height: on the operator's explicit word, for a chain whose data were wiped. */
  forget(o: Opts): Promise<void>;
}

type Book = ReadonlyMap<string, HeightMemory>;

/** @param homeDir where the file is @param chain whose heights, as the root names it */
export function createHeightStore(homeDir: string, chain: ChainIdentity): HeightStore {
  const file = join(homeDir, FILE_NAME);
  const key = `${chain.kind} ${chain.genesis}`;
  const change = async (o: Opts, next: (old: HeightMemory | undefined) => HeightMemory | undefined) =>
    await withLock(join(homeDir, "chain-heights.lock"), o, async () => {
      await sweepLeftovers(homeDir);
      const book = await readBook(file);
      const old = book.get(key), kept = next(old);
      if (kept === old) return;
      const { [key]: _, ...rest } = Object.fromEntries(book);
      const entries = Object.entries(kept === undefined ? rest : { ...rest, [key]: kept });
      await writeFileAtomic(file, bookBytes(new Map(entries.slice(-MAX_CHAINS))));
    });
  return {
    load: async () => (await readBook(file)).get(key),
    // Who raises a height has not looked at the schedule: what was noted stays.
    raise: (memory, o) =>
      change(
        o,
        (old) => old === undefined || memory.height > old.height ? { ...memory, lookedHeight: old?.lookedHeight } : old,
      ),
    noteLook: (o) =>
      change(
        o,
        (old) => old === undefined || old.lookedHeight === old.height ? old : { ...old, lookedHeight: old.height },
      ),
    forget: (o) => change(o, () => undefined),
  };
}

async function readBook(file: string): Promise<Book> {
  const bytes = await readFileIfThere(file, MAX_FILE_BYTES);
  return bytes === undefined ? new Map() : corruptIfMalformed(() => parseBook(bytes), RESTORE);
}

function parseBook(bytes: Uint8Array): Book {
  const f = new Field(parseJsonObject(bytes, FILE_NAME), FILE_NAME);
  f.get("format").oneOf([FORMAT]);
  const chains = f.get("chains").entries();
  if (chains.length > MAX_CHAINS) f.get("chains").fail(`more than ${MAX_CHAINS} chains`);
  return new Map(chains.map(([key, c]) => [key, {
    height: c.get("height").integer(0),
    hash: c.get("hash").optional((h) => h.line(256)),
    grownAtMs: Date.parse(c.get("grownAt").rfc3339()),
    blockTimeMs: c.get("blockTimeMs").optional((ms) => ms.integer(0)),
    lookedHeight: c.get("lookedHeight").optional((h) => h.integer(0)),
  }]));
}

function bookBytes(book: Book): Uint8Array {
  const chains = Object.fromEntries([...book].map(([key, m]): [string, Json] => [key, {
    height: m.height,
    grownAt: new Date(m.grownAtMs).toISOString(),
    ...(m.hash === undefined ? {} : { hash: m.hash }),
    ...(m.blockTimeMs === undefined ? {} : { blockTimeMs: m.blockTimeMs }),
    ...(m.lookedHeight === undefined ? {} : { lookedHeight: m.lookedHeight }),
  }]));
  return jsonBytes({ format: FORMAT, chains });
}
