// A genuine timestamp in other forms: with the signature of nobody, or written with other spaces. Each form is a message of
// its own, so whoever makes many of them would have the network pass all of them on. One travels: the one that was proven.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodeRelease } from "../../src/gossip/message.ts";
import {
  startStranger,
  startWitnessed,
  type Stranger,
  TOPIC,
  untilHeard,
  verdicts,
} from "../support/gossip-network.ts";
import { answering } from "../support/peer-answers.ts";
import { createReleaseRepository } from "../support/release-repository.ts";
import { parseFile } from "../support/signed-file.ts";
import { until } from "../support/until.ts";

const NOW = Date.UTC(2026, 0, 1);
const FORMS = 3;

interface Document {
  readonly signatures: { readonly keyid: string; readonly sig: string }[];
}

/** Each makes another text of one document. */
const PADDINGS: Record<string, (document: Document, i: number) => string> = {
  "the signature of nobody": ({ signatures, ...rest }, i) =>
    JSON.stringify({ signatures: [...signatures, { keyid: `${i}`.repeat(64), sig: "0".repeat(128) }], ...rest }),
  "other spaces": (document, i) => JSON.stringify(document, null, i + 2),
};

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

const say = (s: Stranger, text: string) =>
  s.host.services.pubsub.publish(TOPIC, encodeRelease(new TextEncoder().encode(text)));

describe("of a timestamp only the form that was proven is passed on, though others came before it, with", () => {
  for (const [what, form] of Object.entries(PADDINGS)) {
    test(what, async () => {
      const repository = createReleaseRepository({ seed: `padded: ${what}`, nowMs: NOW });
      const { victim, honest, witness } = await startWitnessed(repository, NOW);
      const liars = await Promise.all(
        Array.from({ length: FORMS }, () => startStranger(victim.address, answering("none"))),
      );
      for (const { host } of [...liars, witness]) await untilHeard(host, 1);

      repository.publish();
      const genuine = repository.bytes("timestamp");
      const document: Document = JSON.parse(text(genuine));
      for (const [i, liar] of liars.entries()) await say(liar, form(document, i));
      honest.knowledge.follow(repository);
      await honest.announce();

      // The proven one may have come with a bundle before the message does, which then is a copy that is not shown.
      const ofLiars = () => verdicts(victim).filter((v) => v !== "accept");
      await until("the witness hears of it", () => witness.heard.length > 0);
      await until("all have been judged", () => ofLiars().length === FORMS);
      assert.deepEqual(ofLiars(), Array(FORMS).fill("ignore E_STALE"));
      assert.deepEqual(witness.heard, [encodeRelease(genuine)]);
      const blamed = victim.events.filter((e) => e.type === "lie" || e.type === "shut-out");
      assert.deepEqual(blamed, [], "an honest one could have been given that form");
    });
  }
});

test("who was given a timestamp with something around it is not blamed for that by those it tells", async () => {
  const repository = createReleaseRepository({ seed: "wrapped timestamp", nowMs: NOW });
  const { victim, honest, witness } = await startWitnessed(repository, NOW);
  await untilHeard(witness.host, 1);

  repository.publish();
  const files = repository.files(), path = repository.path("timestamp");
  const wrapped = JSON.stringify({ ...parseFile(repository.bytes("timestamp")), mirror: "https://a.example" });
  honest.knowledge.follow({ files: () => files.set(path, new TextEncoder().encode(wrapped)) });
  await honest.announce();

  await until("the witness hears of it", () => witness.heard.length > 0);
  assert.equal(victim.knowledge.timestampVersion(), honest.knowledge.timestampVersion());
  assert.deepEqual(witness.heard.map(text).filter((message) => message.includes("a.example")), []);
  const blamed = [...victim.events, ...honest.events].filter((e) => e.type === "lie" || e.type === "shut-out");
  assert.deepEqual(blamed, []);
});
