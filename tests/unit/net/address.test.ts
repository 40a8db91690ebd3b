import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AddressScope,
  classifyAddress,
  isMorePrivate,
  mostPublic,
  networkOf,
  parseAddress,
} from "../../../src/net/address.ts";

const SCOPES: Record<AddressScope, string[]> = {
  public: [
    ...["1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"],
    ...["169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255"],
    ...["192.169.0.0", "198.17.255.255", "198.20.0.0", "203.0.114.0", "223.255.255.255"],
    ...["2606:4700::1111", "2a00::", "2001:200::", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
  ],
  private: [
    ...["10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "172.16.0.1", "172.31.255.255"],
    ...["192.168.0.0", "192.168.255.255", "198.18.0.0", "198.19.255.255"],
    ...["fc00::", "fdff::1", "fec0::1", "64:ff9b:1::1", "::ffff:10.1.2.3", "::ffff:a01:203", "64:ff9b::a00:1"],
    "2002:c0a8:101::",
  ],
  loopback: ["127.0.0.1", "127.255.255.255", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "::ffff:7f00:1"],
  "link-local": ["169.254.0.0", "169.254.169.254", "fe80::1", "fe80::1%eth0", "febf::", "::ffff:169.254.169.254"],
  reserved: [
    ...["0.0.0.0", "0.1.2.3", "192.0.0.8", "192.0.2.1", "198.51.100.7", "203.0.113.9", "192.88.99.1", "224.0.0.1"],
    ...["239.1.1.1", "240.0.0.1", "255.255.255.255"],
    ...["::", "::7f00:1", "100::1", "2001::1", "2001:db8::1", "3fff::1", "ff02::1", "4000::1", "5f00::1"],
  ],
};

for (const [scope, addresses] of Object.entries(SCOPES)) {
  test(`${scope} addresses are told, at the edges of their ranges and inside IPv6`, () => {
    for (const address of addresses) assert.equal(classifyAddress(address), scope, address);
  });
}

test("what is not an address in its usual form is none", () => {
  const none = ["", "localhost", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "0x7f.0.0.1", "1.2.3.4 ", " 1.2.3.4"];
  const none6 = [":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::", "::1.2.3", "1.2.3.4::"];
  for (const text of [...none, ...none6, "1:2:3:4:5:6:7::8"]) assert.equal(classifyAddress(text), undefined, text);
});

test("an address is read to its bytes", () => {
  assert.deepEqual([...(parseAddress("192.0.2.33") ?? [])], [192, 0, 2, 33]);
  assert.deepEqual([...(parseAddress("1:2::F") ?? [])], [0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15]);
  assert.deepEqual([...(parseAddress("::1.2.3.4") ?? [])].slice(12), [1, 2, 3, 4]);
});

test("an IPv4 address is a network of its own, and so are 64 bits of IPv6", () => {
  assert.equal(networkOf("8.8.8.8"), networkOf("::ffff:808:808"));
  assert.equal(networkOf("2001:db8:1:2::1"), networkOf("2001:0DB8:1:2:ffff::9"));
  const networks = ["8.8.8.8", "8.8.8.9", "2001:db8:1:2::1", "2001:db8:1:3::1", "::8.8.8.8", "::1", "seed.example"];
  assert.equal(new Set(networks.map(networkOf)).size, networks.length - 1, "two are within ::/64");
});

test("scopes are ordered from the open internet inwards", () => {
  const order: AddressScope[] = ["public", "private", "loopback", "link-local", "reserved"];
  for (const [i, from] of order.entries()) {
    for (const [j, to] of order.entries()) assert.equal(isMorePrivate(to, from), j > i, `${from} to ${to}`);
  }
  assert.equal(mostPublic(["loopback", "public", "private"]), "public");
});
