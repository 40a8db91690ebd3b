// The signed list of mirrors: which entries are taken, and what proves it. docs/formats.md, "mirrors.json".
import assert from "node:assert/strict";
import { test } from "node:test";
import { pinRoot } from "../../../src/trust/client.ts";
import {
  findMirrorList,
  MAX_LISTED_MIRRORS,
  MAX_MIRROR_LIST_BYTES,
  proveMirrorList,
  readMirrorList,
} from "../../../src/trust/mirror-list.ts";
import { fails } from "../../support/fails.ts";
import { sha256 } from "../../support/signed-file.ts";
import { strictClock, updated } from "../../support/trust-client.ts";
import { createTufRepository } from "../../support/tuf-repository.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const list = (...mirrors: readonly unknown[]) => bytes(JSON.stringify({ format: "dchat-mirrors-1", mirrors }));
const mirror = (url: string, more: Record<string, unknown> = {}) => ({ url, kind: "https", priority: 5, ...more });

test("a list is read, without trailing slashes and what this version does not know", () => {
  const document = {
    format: "dchat-mirrors-1",
    comment: "unknown fields are ignored",
    mirrors: [
      { url: "https://a.example/dchat/", kind: "https", region: "eu", priority: 10, since: 2026 },
      { url: "gopher://old.example", kind: "gopher", priority: 1 },
      { url: "ipfs://bafy", kind: "ipfs", priority: 0 },
      { url: "magnet:?xt=urn:btih:00", kind: "bittorrent", priority: 1_000_000 },
      { url: "http://[fd00::1]:8080/x%20y", kind: "https", priority: 10 },
    ],
  };
  assert.deepEqual(readMirrorList(bytes(JSON.stringify(document))), [
    { url: "https://a.example/dchat", kind: "https", region: "eu", priority: 10 },
    { url: "ipfs://bafy", kind: "ipfs", priority: 0 },
    { url: "magnet:?xt=urn:btih:00", kind: "bittorrent", priority: 1_000_000 },
    { url: "http://[fd00::1]:8080/x%20y", kind: "https", priority: 10 },
  ]);
  assert.deepEqual(readMirrorList(list()), []);
});

const URLS: readonly (readonly [url: string, says: string])[] = [
  ["", "must be a URL"],
  ["a.example", "must be a URL"],
  ["file:///etc/passwd", "is reached by https:, http:"],
  ["ftp://a.example", "is reached by https:, http:"],
  ["javascript:alert(1)", "is reached by https:, http:"],
  ["ipfs://bafy", "is reached by https:, http:"],
  ["https://me:secret@a.example", "must not carry a user"],
  ["https://me@a.example", "must not carry a user"],
  ["https://@a.example", "plain URL"],
  ["https://a.example/{version}/{name}", "plain URL"],
  ["https://{version}.example", ""],
  ["https://a.example/?token=1", "neither query nor fragment"],
  ["https://a.example/#x", "neither query nor fragment"],
  ["https://a.example/\u001b[2J", "must be one line"],
  ["https://a.example/\n", "must be one line"],
  ["https://a.example/\u202etxt", "must be one line"],
  ["https://a.example/a b", "plain URL"],
  [" https://a.example", "plain URL"],
  ["https://a.example\\b", "plain URL"],
  ["https://\u0430.example", "plain URL"], // a Cyrillic letter that looks like a Latin one
  ["https:a.example", "plain URL"],
  ["HTTPS://a.example", "plain URL"],
  ["https://A.example", "plain URL"],
  ["https://a.example:443", "plain URL"],
  ["https://a.example/b/../c", "plain URL"],
  ["https://0x7f.1", "plain URL"], // 127.0.0.1
  [`https://a.example/${"x".repeat(2048)}`, "must be one line"],
];

for (const [url, says] of URLS) {
  test(`a list with the URL ${JSON.stringify(url.slice(0, 60))} is refused as a whole`, () => {
    assert.throws(() => readMirrorList(list(mirror("https://fine.example"), mirror(url))), fails("E_MALFORMED", says));
  });
}

const DOCUMENTS: Readonly<Record<string, Uint8Array>> = {
  "nothing in it": bytes(""),
  "no JSON": bytes("<html>"),
  "an array": bytes("[]"),
  "another format": bytes('{"format":"dchat-mirrors-2","mirrors":[]}'),
  "no format": bytes('{"mirrors":[]}'),
  "no mirrors": bytes('{"format":"dchat-mirrors-1"}'),
  "a key twice": bytes('{"format":"dchat-mirrors-1","mirrors":[],"mirrors":[]}'),
  "no kind": list({ url: "https://a.example", priority: 1 }),
  "no priority": list({ url: "https://a.example", kind: "https" }),
  "a negative priority": list(mirror("https://a.example", { priority: -1 })),
  "too large a priority": list(mirror("https://a.example", { priority: 1_000_001 })),
  "a region that is no line": list(mirror("https://a.example", { region: "e\u0007u" })),
  "a mirror twice": list(mirror("https://a.example/"), mirror("https://a.example")),
  "one mirror too many": list(
    ...Array.from({ length: MAX_LISTED_MIRRORS + 1 }, (_, i) => mirror(`https://${i}.example`)),
  ),
  "a thousand mirrors": list(...Array.from({ length: 1000 }, (_, i) => mirror(`https://${i}.x`))),
};

for (const [title, document] of Object.entries(DOCUMENTS)) {
  test(`a list with ${title} is refused`, () => {
    assert.ok(document.length <= MAX_MIRROR_LIST_BYTES, "it is not its size that is refused");
    assert.throws(() => readMirrorList(document), fails("E_MALFORMED"));
  });
}

test("a list that is too large is refused before it is read, and its entry before it is fetched", () => {
  assert.throws(() => readMirrorList(new Uint8Array(MAX_MIRROR_LIST_BYTES + 1)), fails("E_TOO_LARGE"));
  const repo = createTufRepository({ seed: "large list" });
  repo.addTarget("mirrors.json", new Uint8Array(MAX_MIRROR_LIST_BYTES + 1));
  repo.publish();
  const clock = strictClock(repo.nowMs);
  const state = updated(pinRoot(repo.pinnedRoot), repo.files(), clock);
  assert.throws(() => findMirrorList(state, clock), fails("E_TOO_LARGE"));
});

test("the list is the one that the targets metadata names, by length and digest", () => {
  const repo = createTufRepository({ seed: "list" });
  const document = list(mirror("https://a.example"));
  const clock = strictClock(repo.nowMs);
  const without = updated(pinRoot(repo.pinnedRoot), (repo.publish(), repo.files()), clock);
  assert.equal(findMirrorList(without, clock), undefined);
  assert.equal(findMirrorList(pinRoot(repo.pinnedRoot), clock), undefined, "nothing is known yet");
  repo.addTarget("mirrors.json", document);
  repo.publish();
  const target = findMirrorList(updated(without, repo.files(), clock), clock);
  assert.deepEqual(target, { length: document.length, sha256: sha256(document) });
  assert.equal(proveMirrorList(target, document), document);
  const flipped = document.with(3, document[3]! ^ 1);
  assert.throws(() => proveMirrorList(target, flipped), fails("E_HASH_MISMATCH"));
  assert.throws(() => proveMirrorList(target, document.subarray(1)), fails("E_SIZE_MISMATCH"));
});
