// Votes of governors between real nodes: they travel, complete, reach who joins late, and a flood of them ends.
// docs/gossip.md, "Votes".
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeVote, looksLikeVote } from "../../../src/gossip/message.ts";
import { type Certificate, certificateBytes, withSignatures } from "../../../src/trust/certificate.ts";
import { approvedUpgrades } from "../../../src/trust/effect.ts";
import { activation, createGovernedNetwork, governorKey, signed } from "../../support/governed-network.ts";
import {
  type MemoryKnowledge,
  memoryKnowledge,
  startNode,
  startStranger,
  type TestNode,
  TOPIC,
  verdicts,
} from "../../support/gossip-network.ts";
import { until } from "../../support/until.ts";

const network = createGovernedNetwork({ seed: "votes by gossip" });
const signal = new AbortController().signal;
const first = activation(undefined);

function following(): MemoryKnowledge {
  const knowledge = memoryKnowledge(network.repo.pinnedRoot, network.repo.nowMs);
  knowledge.follow(network.repo);
  return knowledge;
}

async function line(length: number): Promise<TestNode[]> {
  const nodes: TestNode[] = [];
  for (let i = 0; i < length; i++) {
    nodes.push(await startNode(following(), { peers: nodes.slice(-1).map((n) => n.address) }));
  }
  await until("they are connected", () => length === 1 || nodes.every((n) => n.peers().length > 0));
  return nodes;
}

const approved = (n: TestNode) => approvedUpgrades(n.knowledge.state()).length;
const signers = (n: TestNode, c: Certificate) =>
  [...n.knowledge.state().schedule.certificates.get(c.sha256)?.signatures.keys() ?? []].sort();
const lies = (nodes: readonly TestNode[]) => nodes.flatMap((n) => n.events.filter((e) => e.type === "lie"));

/** As a governor's command does: the vote is kept, and the node hears that something is new. */
async function vote(node: TestNode, ...votes: readonly Certificate[]): Promise<void> {
  await node.knowledge.votes.learn(votes, { signal });
  await node.announce();
}

test("votes cast at different nodes meet at all of them, and complete the certificate there", async () => {
  const nodes = await line(4);
  for (const [i, name] of ["a", "b", "c"].entries()) await vote(nodes[i]!, signed(first, name));
  await until("it is approved everywhere", () => nodes.every((n) => approved(n) === 1));
  assert.deepEqual(lies(nodes), []);
});

test("who joins late is given the votes so far, and passes on what it has", async () => {
  const [early] = await line(1);
  await vote(early!, signed(first, "a"));
  const knowledge = following();
  await knowledge.votes.learn([signed(first, "b")], { signal });
  const late = await startNode(knowledge, { peers: [early!.address] });
  const both = ["a", "b"].map((name) => governorKey(name).id).sort();
  await until("both know both", () => [early!, late].every((n) => signers(n, signed(first)).length === 2));
  assert.deepEqual([signers(early!, signed(first)), signers(late, signed(first))], [both, both]);
});

test("a forged vote is heard by nobody two hops away, and costs its sender the connection", async () => {
  const [honest] = await line(1);
  const liar = await startStranger(honest!.address), witness = await startStranger(honest!.address);
  const genuine = signed(first, "a");
  const [id = "", hex = ""] = [...genuine.signatures][0] ?? [];
  for (let i = 16; i < 19; i++) {
    const forged = withSignatures(genuine, new Map([[id, `${i}${hex.slice(2)}`]]));
    await liar.host.services.pubsub.publish(TOPIC, encodeVote(forged));
  }
  await until("the liar is shut out", () => liar.host.getPeers().length === 0);
  await vote(honest!, genuine);
  const votes = () => witness.heard.filter(looksLikeVote);
  await until("the witness hears the genuine one", () => votes().length > 0);
  assert.deepEqual(votes(), [encodeVote(genuine)]);
  assert.deepEqual(verdicts(honest!), Array(3).fill("reject E_SIGNATURE"));
});

test("a governor who signs without end is heard sixteen times, and the honest votes complete all the same", async () => {
  const [honest] = await line(1);
  const flooder = await startStranger(honest!.address), witness = await startStranger(honest!.address);
  for (let i = 0; i < 60; i++) {
    const body = activation(undefined, { title: `${i}`, proposed_height: 10 + i });
    await flooder.host.services.pubsub.publish(TOPIC, encodeVote(signed(body, "d")));
  }
  await until("all were judged", () => verdicts(honest!).length === 60);
  assert.equal(verdicts(honest!).filter((v) => v === "accept").length, 16);
  assert.ok(honest!.knowledge.state().schedule.certificates.size <= 2, "what is kept of them");
  assert.equal(flooder.host.getPeers().length, 1, "whoever passes them on does not lie");
  for (const name of ["a", "b", "c"]) {
    await flooder.host.services.pubsub.publish(TOPIC, encodeVote(signed(first, name)));
  }
  await until("it is approved", () => approved(honest!) === 1);
  await until("the witness heard of it", () => witness.heard.length === 19);
});

test("votes of strangers and of other roots cost nobody anything, and are not passed on", async () => {
  const [honest] = await line(1);
  const bearer = await startStranger(honest!.address), witness = await startStranger(honest!.address);
  const useless = [signed(first, "stranger"), signed(activation(undefined, { root_version: 7 }), "a")];
  for (const v of useless) await bearer.host.services.pubsub.publish(TOPIC, encodeVote(v));
  await until("they were judged", () => verdicts(honest!).length === 2);
  assert.deepEqual(verdicts(honest!), ["ignore E_UNTRUSTED_KEY", "ignore E_CERTIFICATE"]);
  assert.deepEqual([witness.heard, lies([honest!])], [[], []]);
});

const ANSWERS: Record<string, { head: string; body: Uint8Array; code: string | undefined }> = {
  "a thousand mebibytes": { head: "ok 1073741824", body: new Uint8Array(1 << 20), code: "E_TOO_LARGE" },
  garbage: { head: "ok 7", body: new TextEncoder().encode("garbage"), code: "E_MALFORMED" },
  "a forged vote": {
    head: "",
    body: new TextEncoder().encode(`[${new TextDecoder().decode(forgedBytes())}]`),
    code: "E_SIGNATURE",
  },
  "nothing, as an older version": { head: "unknown", body: new Uint8Array(), code: undefined },
};

function forgedBytes(): Uint8Array {
  const genuine = signed(first, "a");
  const [id = "", hex = ""] = [...genuine.signatures][0] ?? [];
  return certificateBytes(withSignatures(genuine, new Map([[id, `10${hex.slice(2)}`]])));
}

for (const [what, { head, body, code }] of Object.entries(ANSWERS)) {
  test(`a peer that answers with ${what} when asked for votes is dealt with`, async () => {
    const node = await startNode(following());
    let asked = 0;
    await startStranger(node.address, (stream) => {
      let request = "";
      stream.addEventListener("message", ({ data }) => {
        request += new TextDecoder().decode(data instanceof Uint8Array ? data : data.subarray());
        if (!/(bundle|votes) /.test(request)) return;
        const isVotes = request.includes("votes");
        request = "";
        if (isVotes) asked++;
        const line = new TextEncoder().encode(isVotes ? head || `ok ${body.length}` : "none");
        stream.send(Uint8Array.of(0, 0, 0, line.length));
        stream.send(line);
        if (isVotes) stream.send(body);
      });
    });
    const other = await startNode(following(), { peers: [node.address] });
    await vote(other, signed(first, "b"));
    await until("it asked the stranger", () => asked > 0);
    await until("the vote of the other came", () => signers(node, signed(first)).length === 1);
    const blamed = () => node.events.flatMap((e) => e.type === "lie" ? [e.error.code] : []);
    if (code !== undefined) await until("it is blamed", () => blamed().length > 0);
    assert.deepEqual([...new Set(blamed())], code === undefined ? [] : [code]);
    assert.equal(approved(node), 0);
  });
}
