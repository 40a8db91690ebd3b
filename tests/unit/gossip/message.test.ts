import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  announcementOf,
  encodeRelease,
  isAnnouncement,
  judgeMessage,
  looksKnown,
  MAX_MESSAGE_BYTES,
  readRelease,
  topicOf,
} from "../../../src/gossip/message.ts";
import { isVouchedFor } from "../../../src/gossip/judge-timestamp.ts";
import { pinRoot, type TrustState } from "../../../src/trust/client.ts";
import { inTime } from "../../support/in-time.ts";
import { refused } from "../../support/refused.ts";
import { at, jsonFile, type MutableJson, parseFile, put, signatureOf, signedFile } from "../../support/signed-file.ts";
import { strictClock, updated } from "../../support/trust-client.ts";
import { createTufRepository, DAY_MS, type TufRepository } from "../../support/tuf-repository.ts";

const NOW = Date.UTC(2026, 0, 1);
const clock = strictClock(NOW);

/** A node that has followed the repository, and the repository one publish later. */
function behind(seed: string): { repo: TufRepository; state: TrustState } {
  const repo = createTufRepository({ seed, nowMs: NOW });
  const state = follow(repo);
  repo.publish();
  return { repo, state };
}

function follow(repo: TufRepository, from: TrustState = pinRoot(repo.pinnedRoot)): TrustState {
  return updated(from, repo.files(), clock);
}

/** A node, the repository one root later, and a newer timestamp that its old key and its new one have signed. */
function rotated(seed: string): { repo: TufRepository; state: TrustState; both: Uint8Array } {
  const { repo, state } = behind(seed);
  const before = [...repo.signers("timestamp")];
  repo.rotate("timestamp");
  repo.publish();
  const { signed } = parseFile(repo.bytes("timestamp"));
  put(signed, ["version"], 99);
  return { repo, state, both: signedFile(signed, [...before, ...repo.signers("timestamp")]) };
}

const { repo, state } = behind("gossip message");
const timestamp = repo.bytes("timestamp");
const bytes = (value: MutableJson): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const text = (b: Uint8Array): string => new TextDecoder().decode(b);

function judge(message: Uint8Array, of: TrustState = state, at = clock): string {
  const j = judgeMessage(of, message, at);
  return "why" in j ? `${j.verdict} ${j.why.code}` : j.verdict;
}

const judgeFile = (file: Uint8Array, of?: TrustState) => judge(bytes({ kind: "release", timestamp: text(file) }), of);

/** The genuine timestamp with an edit outside of what is signed. */
function enveloped(edit: (document: ReturnType<typeof parseFile>) => void): Uint8Array {
  const document = parseFile(timestamp);
  edit(document);
  return jsonFile(document as unknown as MutableJson); // the same document, as JSON
}

describe("a release message", () => {
  test("is newer when a trusted key has signed a higher version", () => {
    assert.equal(judge(encodeRelease(timestamp)), "newer");
    assert.equal(
      judge(encodeRelease(timestamp), pinRoot(repo.pinnedRoot)),
      "newer",
      "for a node that knows nothing yet",
    );
  });

  test("gives the exact bytes of the timestamp back", () => {
    assert.deepEqual(readRelease(encodeRelease(timestamp)), timestamp);
  });

  test("is ignored once it is known, and when it is older", () => {
    assert.equal(judge(encodeRelease(timestamp), follow(repo, state)), "ignore E_STALE");
    const old = createTufRepository({ seed: "gossip message", nowMs: NOW });
    assert.equal(judgeFile(old.bytes("timestamp"), follow(repo, state)), "ignore E_STALE");
  });

  test("is ignored when it has expired, so that it does not travel", () => {
    assert.equal(judge(encodeRelease(timestamp), state, strictClock(NOW + 3 * DAY_MS)), "ignore E_EXPIRED");
  });

  test("is ignored when it is rightly signed and names an older snapshot", () => {
    const { signed } = parseFile(timestamp);
    put(signed, ["version"], 99);
    put(signed, ["meta", "snapshot.json", "version"], 1);
    const file = signedFile(signed, repo.signers("timestamp"));
    assert.equal(judgeFile(file, follow(repo, state)), "ignore E_ROLLBACK");
  });

  test("of more than 16 KiB is neither made nor read", () => {
    const large = new TextEncoder().encode("x".repeat(MAX_MESSAGE_BYTES));
    refused("E_TOO_LARGE", () => encodeRelease(large));
    assert.equal(judge(bytes({ kind: "release", timestamp: text(large) })), "reject E_TOO_LARGE");
  });
});

describe("a lie is rejected:", () => {
  const lies: Record<string, Uint8Array> = {
    "no JSON": new TextEncoder().encode("release"),
    "no object": bytes(["release"]),
    "no text": Uint8Array.of(0xff, 0xfe),
    "nothing": new Uint8Array(),
    "no kind": bytes({ timestamp: text(timestamp) }),
    "a kind that is no line": bytes({ kind: "a\nb" }),
    "no timestamp": bytes({ kind: "release" }),
    "a timestamp that is an object": bytes({ kind: "release", timestamp: {} }),
    "a field beside the timestamp": bytes({ kind: "release", timestamp: text(timestamp), mirror: "https://a.example" }),
    "the fields in another order": bytes({ timestamp: text(timestamp), kind: "release" }),
    "a field twice": new TextEncoder().encode(
      `{"kind":"release","kind":"release","timestamp":${JSON.stringify(text(timestamp))}}`,
    ),
    "spaces": new TextEncoder().encode(JSON.stringify({ kind: "release", timestamp: text(timestamp) }, null, 1)),
    "another escape of the same text": new TextEncoder().encode(
      text(encodeRelease(timestamp)).replace('"release"', '"\\u0072elease"'),
    ),
  };
  for (const [what, lie] of Object.entries(lies)) {
    test(what, () => assert.match(judge(lie), /^reject E_MALFORMED/));
  }

  test("a field beside what is signed", () => {
    const wrapped = enveloped((d) => put(d as unknown as MutableJson, ["mirror"], "https://a.example"));
    assert.equal(judgeFile(wrapped), "reject E_MALFORMED");
  });

  test("a field beside a signature", () => {
    const wrapped = enveloped((d) => put(d.signatures[0]!, ["comment"], "hello"));
    assert.equal(judgeFile(wrapped), "reject E_MALFORMED");
  });

  test("more signatures than anybody has", () => {
    const wrapped = enveloped((d) => {
      for (let i = 0; i < 16; i++) d.signatures.push({ keyid: String(i).padStart(64, "0"), sig: "0".repeat(128) });
    });
    assert.equal(judgeFile(wrapped), "reject E_MALFORMED");
  });

  test("a higher version under the signature of a lower one", () => {
    assert.equal(judgeFile(enveloped((d) => put(d.signed, ["version"], 99))), "reject E_SIGNATURE");
  });

  test("a role that is no timestamp", () => assert.equal(judgeFile(repo.bytes("snapshot")), "reject E_MALFORMED"));
});

describe("nobody is punished for", () => {
  test("a kind of message that this version does not know", () => {
    assert.equal(judge(bytes({ kind: "poll", question: "…" })), "ignore E_MALFORMED");
  });

  test("keys that this node does not know: there may be a newer root", () => {
    const { repo, state } = behind("gossip rotation");
    repo.rotate("timestamp");
    repo.publish();
    const rotated = repo.bytes("timestamp");
    assert.equal(judgeFile(rotated, state), "unknown-root E_UNTRUSTED_KEY");
    assert.equal(isVouchedFor(state, rotated), false);
    const ahead = follow(repo, state);
    assert.equal(isVouchedFor(ahead, rotated), true);
  });

  test("keys of the root before and of this one, whichever of the two a node has", () => {
    const { repo, state, both } = rotated("gossip both keys");
    assert.equal(judgeFile(both, state), "newer");
    const ahead = follow(repo, state);
    assert.equal(judgeFile(both, ahead), "newer");
    assert.equal(isVouchedFor(ahead, both), true);
  });

  test("a key of a root that came before the first one a node was given", () => {
    const { repo, both } = rotated("gossip pinned late");
    const late = pinRoot(repo.bytes("root"));
    assert.equal(late.root.signed.version, 2);
    assert.equal(judgeFile(both, late), "newer");
    assert.equal(isVouchedFor(late, both), true);
  });

  test("a signature that does not verify, beside as many as are needed: it may be of a key that its bearer does not know", () => {
    const two = createTufRepository({ seed: "gossip two keys", nowMs: NOW, roles: { timestamp: { keys: 2 } } });
    const knows = follow(two);
    two.publish();
    const file = parseFile(two.bytes("timestamp"));
    put(file.signatures[1]!, ["sig"], at(file.signatures[0]!, "sig"));
    assert.equal(judgeFile(jsonFile(file as unknown as MutableJson), knows), "newer");
  });

  test("what was signed under the root before", () => {
    const { repo, state } = behind("gossip old key");
    const before = repo.bytes("timestamp");
    repo.rotate("timestamp");
    repo.publish();
    const ahead = follow(repo, state);
    assert.equal(judgeFile(before, ahead), "ignore E_STALE");
    assert.equal(isVouchedFor(ahead, before), true);
  });

  test("too few signatures, when that was enough under the root before", () => {
    const { repo, state } = behind("gossip threshold");
    const [key] = repo.signers("timestamp");
    const before = repo.bytes("timestamp");
    repo.rotate("timestamp", { keys: 2, threshold: 2 });
    put(repo.draft("root"), ["roles", "timestamp", "keyids", 0], key!.id);
    put(repo.draft("root"), ["keys", key!.id], at(parseFile(repo.pinnedRoot).signed, "keys", key!.id));
    repo.signers("timestamp").splice(0, 1, key!);
    repo.publishRoot();
    repo.publish();
    const ahead = follow(repo, state);
    assert.equal(ahead.root.signed.version, 3);
    assert.equal(judgeFile(before, ahead), "ignore E_STALE");
    const file = parseFile(before);
    file.signatures.push({ keyid: repo.signers("timestamp")[1]!.id, sig: "0".repeat(128) });
    const forged = jsonFile(file as unknown as MutableJson);
    assert.equal(judgeFile(forged, ahead), "ignore E_STALE", "with a signature that only the new root tells is forged");
  });
});

test("who is eight roots behind is told from a liar; further back nobody looks", () => {
  const repo = createTufRepository({ seed: "gossip many roots", nowMs: NOW });
  const before = repo.bytes("timestamp");
  const pinned = follow(repo, pinRoot(repo.pinnedRoot));
  repo.rotate("timestamp");
  for (let i = 0; i < 7; i++) repo.publishRoot();
  repo.publish();
  const eight = follow(repo, pinned);
  assert.deepEqual([eight.root.signed.version, judgeFile(before, eight)], [9, "ignore E_STALE"]);
  repo.publishRoot();
  repo.publish();
  assert.equal(judgeFile(before, follow(repo, eight)), "unknown-root E_UNTRUSTED_KEY");
});

test("a node announces the bytes that it trusts, and passes on no other form of them", () => {
  const ahead = follow(repo, state);
  const message = encodeRelease(timestamp);
  assert.deepEqual(announcementOf(ahead), message);
  assert.equal(isAnnouncement(ahead, message), true);
  assert.equal(isAnnouncement(state, message), false);
  assert.equal(announcementOf(pinRoot(repo.pinnedRoot)), undefined);
  assert.equal(isAnnouncement(pinRoot(repo.pinnedRoot), message), false);
  assert.equal(
    isAnnouncement(ahead, bytes({ kind: "release", timestamp: text(bytes(JSON.parse(text(timestamp)))) })),
    false,
  );
});

describe("a node that was given a timestamp with something around what is signed announces it without,", () => {
  const two = createTufRepository({ seed: "gossip wrapped", nowMs: NOW, roles: { timestamp: { keys: 2 } } });
  const before = follow(two);
  two.publish();
  const genuine = two.bytes("timestamp");
  const edits: Record<string, (document: ReturnType<typeof parseFile>) => void> = {
    "a field": (d) => put(d as unknown as MutableJson, ["mirror"], "https://a.example"),
    "a field of a signature": (d) => put(d.signatures[0]!, ["comment"], "hello"),
    "a forged signature": (d) => put(d.signatures[1]!, ["sig"], at(d.signatures[0]!, "sig")),
    "a signature that is none": (d) => void d.signatures.push({ keyid: "0".repeat(64), sig: "none" }),
    "more signatures than anybody has": (d) => {
      for (let i = 0; i < 16; i++) d.signatures.push({ keyid: String(i).padStart(64, "0"), sig: "0".repeat(128) });
    },
  };
  const wrapped = Object.entries(edits).map(([what, edit]): [string, Uint8Array] => {
    const document = parseFile(genuine);
    edit(document);
    return [what, jsonFile(document as unknown as MutableJson)];
  });
  wrapped.push([
    "spaces without end",
    new TextEncoder().encode(text(genuine) + " ".repeat(MAX_MESSAGE_BYTES - genuine.length)),
  ]);

  for (const [what, file] of wrapped) {
    test(what, () => {
      const fooled = updated(before, new Map([...two.files(), [two.path("timestamp"), file]]), clock);
      assert.deepEqual(fooled.timestamp?.envelope.bytes, file, "it is what the node trusts now");
      const message = announcementOf(fooled);
      assert.ok(message !== undefined);
      assert.equal(judge(message, before), "newer", "and whoever hears of it has nothing to blame the node for");
      assert.equal(isAnnouncement(fooled, message), true);
      const { signed, signatures } = parseFile(readRelease(message));
      assert.deepEqual(signed, parseFile(genuine).signed);
      const own = parseFile(genuine).signatures;
      for (const signature of signatures) assert.ok(own.some((s) => s["sig"] === signature["sig"]));
    });
  }
});

test("vouching takes signatures, not a version that looks old", () => {
  const forged = parseFile(timestamp);
  put(forged.signed, ["version"], 1);
  const file = jsonFile(forged as unknown as MutableJson);
  assert.equal(judgeFile(file, follow(repo, state)), "ignore E_STALE");
  assert.equal(isVouchedFor(follow(repo, state), file), false);
});

test("a hostile message costs milliseconds, whatever is in it", () => {
  const key = repo.signers("timestamp")[0]!;
  const forged = parseFile(timestamp);
  put(forged.signed, ["version"], 99);
  const sig = signatureOf(new TextEncoder().encode("something else"), key);
  forged.signatures.splice(0, Infinity, { keyid: key.id, sig });
  for (let i = 0; i < 15; i++) forged.signatures.push({ keyid: String(i).padStart(64, "0"), sig });
  const message = encodeRelease(jsonFile(forged as unknown as MutableJson));
  const nested = new TextEncoder().encode(`{"kind":${"[".repeat(MAX_MESSAGE_BYTES - 10)}`);
  inTime(500, "100 forged messages", () => {
    for (let i = 0; i < 100; i++) assert.equal(judge(message), "reject E_SIGNATURE");
  });
  inTime(100, "100 nested messages", () => {
    for (let i = 0; i < 100; i++) assert.equal(judge(nested), "reject E_MALFORMED");
  });
});

test("what says that it is of a kind that is read here may be genuine, nothing else", () => {
  assert.equal(looksKnown(encodeRelease(timestamp)), true);
  assert.equal(looksKnown(new TextEncoder().encode('{"kind":"vote",')), true);
  for (const other of ['{"kind":"poll","question":"…"}', '{"kind":"releases",', ' {"kind":"release",', "{}", ""]) {
    assert.equal(looksKnown(new TextEncoder().encode(other)), false, other);
  }
});

test("the topic names the network", () => assert.equal(topicOf("testnet"), "/dchat/update/1/testnet"));
