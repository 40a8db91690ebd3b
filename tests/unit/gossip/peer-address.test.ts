import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mayDial, parsePeerAddress, requirePeerAddress, withoutPeer } from "../../../src/gossip/peer-address.ts";
import { refused } from "../../support/refused.ts";

const PEER = "/p2p/12D3KooWK5V9pWJfw5xi32fNBM7hvDPVYWeCfb28GEdENGs4a4vq";

test("a TCP endpoint is read with its parts", () => {
  const { ip, port, peer } = requirePeerAddress(`/ip4/203.0.113.7/tcp/4217${PEER}`, "x");
  assert.deepEqual([ip, port, peer], ["203.0.113.7", 4217, PEER.slice(5)]);
  assert.equal(parsePeerAddress("/ip6/2606:4700::1111/tcp/1")?.ip, "2606:4700::1111");
  assert.equal(parsePeerAddress("/dns4/node.example.org/tcp/4217")?.ip, undefined);
});

for (
  const text of [
    "",
    "203.0.113.7:4217",
    "/ip4/203.0.113.7",
    "/ip4/203.0.113.7/udp/4217",
    "/ip4/203.0.113.7/tcp/65536",
    "/ip4/0203.0.113.7/tcp/1",
    "/ip4/::1/tcp/1",
    "/ip6/127.0.0.1/tcp/1",
    "/ip4/node.example.org/tcp/1",
    `/ip4/203.0.113.7/tcp/1${PEER}/p2p-circuit`,
    "/ip4/203.0.113.7/tcp/1/ws",
    "/unix/tmp/socket",
  ]
) {
  test(`${JSON.stringify(text)} is no such endpoint`, () => {
    assert.equal(parsePeerAddress(text), undefined);
    refused("E_USAGE", () => requirePeerAddress(text, "--peer"));
  });
}

describe("an endpoint is the same however it is written", () => {
  for (
    const [same, texts] of Object.entries({
      "/ip6/::1/tcp/4217": ["/ip6/0:0:0:0:0:0:0:1/tcp/04217", `/ip6/::0:1/tcp/4217${PEER}`],
      "/ip6/fd00::a1/tcp/1": ["/ip6/FD00:0:0::A1/tcp/1", "/ip6/fd00:0000::00a1/tcp/1"],
      "/ip6/::ffff:a00:1/tcp/1": ["/ip6/::ffff:10.0.0.1/tcp/1"],
      "/dns4/node.lan/tcp/1": [`/dns4/Node.LAN/tcp/1${PEER}`],
    })
  ) {
    for (const text of [same, ...texts]) {
      test(text, () => {
        assert.equal(withoutPeer(text), same);
        assert.ok(mayDial(text, new Set([same]), false));
      });
    }
  }
  test("and of another one nothing is changed but its id", () => {
    assert.equal(withoutPeer(`/ip6/::1/udp/4217/quic-v1${PEER}`), "/ip6/::1/udp/4217/quic-v1");
  });
});

describe("a node connects", () => {
  const named = new Set(["/ip4/10.0.0.1/tcp/1", "/dns4/node.lan/tcp/1"]);
  const may = (text: string, allowPrivate = false) => mayDial(text, named, allowPrivate);

  test("to what its operator named, wherever that is", () => {
    assert.ok(may("/ip4/10.0.0.1/tcp/1") && may(`/ip4/10.0.0.1/tcp/1${PEER}`) && may("/dns4/node.lan/tcp/1"));
  });

  test("to nothing else that is private, unless that is allowed", () => {
    for (const ip of ["10.0.0.1", "192.168.1.1", "127.0.0.1", "100.64.0.1"]) {
      assert.deepEqual([may(`/ip4/${ip}/tcp/2`), may(`/ip4/${ip}/tcp/2`, true)], [false, true], ip);
    }
    assert.equal(may("/ip6/::1/tcp/2"), false);
    assert.equal(may("/ip6/::ffff:10.0.0.1/tcp/2"), false, "an IPv4 address in disguise");
  });

  test("never to where the metadata service of a cloud lies, or to a name that strangers gave", () => {
    assert.equal(may("/ip4/169.254.169.254/tcp/80", true), false);
    assert.equal(may("/dns4/evil.example.org/tcp/80", true), false);
    assert.equal(may("/ip4/0.0.0.0/tcp/80", true), false);
  });

  test("to public addresses", () => assert.ok(may("/ip4/8.8.8.8/tcp/4217") && may("/ip6/2606:4700::1111/tcp/4217")));
});
