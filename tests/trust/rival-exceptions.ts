// Every case of the attack catalogue in which tuf-js or python-tuf says otherwise than we do, with the reason. What is
// not here fails the rival tests, and so does an entry that no longer disagrees. Must not: excuse a lie about content.

export interface Disagreement {
  readonly ours: "refused" | "absent" | "found";
  readonly theirs: "refused" | "absent" | "found";
  readonly why: string;
}

const stricter = (why: string): Disagreement => ({ ours: "refused", theirs: "found", why });

const SPELLING = "JSON.parse and lenient decoding take what strict JSON refuses: two readers could read two documents";
const TIME = "Date reads more than TUF's one time format, and not the same everywhere";
const GLOB = "minimatch gives more characters a meaning than * and ?, which are all that TUF 4.5 names";
const KEY_ID = "a key id must be the hash of its key, or one key may count twice";
const ED25519 = "the runtime's verifier takes points that are not of prime order (docs/decisions/0002)";

const CUT_OFF: Disagreement = {
  ours: "refused",
  theirs: "absent",
  why: "both stop after the same number of roles; we say that the search was cut off",
};

export const TUF_JS_DISAGREEMENTS: Readonly<Record<string, Disagreement>> = {
  "file: a stranger's key id that is not UTF-8, besides enough": stricter(SPELLING),
  "signatures: one in capitals": stricter("hex is lowercase: one signature has one spelling"),
  "keys: one key under two ids reaches a threshold of two": stricter(KEY_ID),
  "odd key: an id that is not its hash": stricter(KEY_ID),
  "odd key: an id in capitals": stricter(KEY_ID),
  "odd key: public key in capitals": stricter("hex is lowercase: one key has one spelling and one id"),
  "odd key: public key as PEM": stricter("an Ed25519 key is 64 hex digits: one key has one spelling and one id"),
  "odd key: another scheme": stricter(
    "tuf-js does not look at the scheme of an Ed25519 key; we leave unknown schemes out",
  ),
  "odd key: the identity: anybody can sign": stricter(ED25519),
  "odd key: a point of small order: anybody can sign": stricter(ED25519),
  "odd key: a point of mixed order": stricter(ED25519),

  "odd: a key that stands twice, the same": stricter(SPELLING),
  "odd: a key that stands twice, the last is signed": stricter(SPELLING),
  "odd: a version written as 3.0": stricter(SPELLING),
  "odd: a version written as 3e0": stricter(SPELLING),
  "odd: a file that begins with a list of fields twice": stricter(SPELLING),

  "odd: an expiry with milliseconds": stricter(TIME),
  "odd: an expiry with an offset": stricter(TIME),
  "odd: an expiry on 30 February": stricter(TIME),
  "odd: an expiry that is a day": stricter(TIME),

  "odd: hashes that are empty": stricter("HASHES names one or more (TUF 4.4); python-tuf refuses none as well"),
  "odd: a length of 0": stricter("no signed file is empty"),
  "odd: a target whose digests are empty": stricter(
    "HASHES names one or more (TUF 4.5): nothing could prove this target",
  ),
  "odd: neither roles nor hash bins": {
    ours: "refused",
    theirs: "absent",
    why: "delegations say how they delegate; python-tuf refuses this as well",
  },
  "odd: a role without patterns": stricter("exactly one of paths and path_hash_prefixes (TUF 4.5)"),
  "odd: a digest of an algorithm nobody knows, beside a good one": {
    ours: "found",
    theirs: "refused",
    why: "tuf-js fails on an unknown algorithm; one good SHA-256 proves the file, and repositories may add new ones",
  },

  "odd: brackets in a pattern": { ours: "absent", theirs: "found", why: GLOB },
  "odd: braces in a pattern": { ours: "absent", theirs: "found", why: GLOB },
  "odd: a pattern that says not": { ours: "absent", theirs: "found", why: GLOB },
  "odd: a star before a hidden file": {
    ours: "found",
    theirs: "absent",
    why: "minimatch hides names that begin with a dot from *; TUF 4.5 does not, nor python-tuf",
  },
  "odd: forty roles in a chain": CUT_OFF,

  "odd: root does not say whether snapshots are consistent": {
    ours: "found",
    theirs: "refused",
    why: "TUF 6.2.1: it MAY be left unspecified where snapshots are not consistent",
  },
  "odd: strings that sort differently by UTF-16 and by code point": {
    ours: "found",
    theirs: "refused",
    why: "tuf-js sorts keys by UTF-16 unit; OLPC canonical JSON, and python-tuf, by code point",
  },
};

export const PYTHON_TUF_DISAGREEMENTS: Readonly<Record<string, Disagreement>> = {
  "signatures: one in capitals": stricter("hex is lowercase: one signature has one spelling"),
  "keys: one key under two ids reaches a threshold of two": stricter(KEY_ID),
  "odd key: an id that is not its hash": stricter(KEY_ID),
  "odd key: an id in capitals": stricter(KEY_ID),
  "odd key: public key in capitals": stricter("hex is lowercase: one key has one spelling and one id"),
  "odd key: the identity: anybody can sign": stricter(ED25519),
  "odd key: a point of small order: anybody can sign": stricter(ED25519),
  "odd key: a point of mixed order": stricter(ED25519),
  "odd: a key that stands twice, the same": stricter(SPELLING),
  "odd: a key that stands twice, the last is signed": stricter(SPELLING),
  "odd: a file that begins with a list of fields twice": stricter(SPELLING),
  "odd: a length of 0": stricter("no signed file is empty"),
  "odd: consistent_snapshot in quotes": stricter("a boolean is true or false, not what Python takes for true"),
  "odd: a digest of an algorithm nobody knows, beside a good one": {
    ours: "found",
    theirs: "refused",
    why: "one good SHA-256 proves the file, and repositories may add new algorithms",
  },
  "odd: brackets in a pattern": {
    ours: "absent",
    theirs: "found",
    why: "fnmatch knows brackets; TUF 4.5 names * and ?",
  },
  "odd: forty roles in a chain": CUT_OFF,
};
