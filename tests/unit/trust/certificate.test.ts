import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  certificateBytes,
  MAX_CERTIFICATE_BYTES,
  MAX_SIGNED_BYTES,
  overlaps,
  parseCertificate,
} from "../../../src/trust/certificate.ts";
import { sha256Hex } from "../../../src/trust/hex.ts";
import { activation, cancellation, signed } from "../../support/governed-network.ts";
import { refused } from "../../support/refused.ts";
import { jsonFile, type MutableJson, type MutableObject, put } from "../../support/signed-file.ts";

const first = signed(activation(undefined), "a");
const BIG = Number.MAX_SAFE_INTEGER;

describe("a certificate", () => {
  test("is read whole, and called by the SHA-256 of its signed bytes", () => {
    const fields = {
      title: "One",
      notes_url: "https://example.org/1",
      upgrade_type: "feature-toggle",
      feature: "blobs",
    };
    const c = signed(activation(first, { ...fields, switch: "before", switch_from: 900, replaces: [1] }), "b", "a");
    assert.equal(c.sha256, sha256Hex(c.signedBytes));
    assert.ok(c.body.kind === "activate");
    assert.equal(c.body.prevSha256, first.sha256);
    assert.deepEqual([c.body.title, c.body.feature, c.body.switchFrom, c.body.replaces], ["One", "blobs", 900, [1]]);
    assert.equal(c.signatures.size, 2);
    const cancel = signed(cancellation(first, [1]));
    assert.ok(cancel.body.kind === "cancel");
    assert.deepEqual(cancel.body.cancels, [1]);
  });

  test("has one text, whatever the order of its fields and signatures", () => {
    const body = activation(undefined, { title: 'quotes " and \\ and ☃' });
    const turned = Object.fromEntries(Object.entries(body).reverse());
    const one = certificateBytes(signed(body, "a", "b")), other = certificateBytes(signed(turned, "b", "a"));
    assert.deepEqual(one, other);
    assert.deepEqual(certificateBytes(parseCertificate(one)), one);
  });

  test("takes heights and sequences up to the end of the safe integers", () => {
    const edge = signed(activation(undefined, { sequence: BIG, activation_height: BIG, expires_height: BIG }));
    assert.equal(edge.body.sequence, BIG);
  });

  const target = { length: 1, sha256: "0".repeat(64), blake3: "0".repeat(64) };
  const bad: Record<string, [string[], MutableJson | undefined]> = {
    "another type": [["_type"], "targets"],
    "a later specification": [["spec_version"], "2"],
    "a field that nobody knows": [["valid_until"], 5],
    "a cancel list in an activation": [["cancels"], [1]],
    "a network that is no name": [["network"], "Test Net"],
    "no sequence": [["sequence"], undefined],
    "sequence 0": [["sequence"], 0],
    "a previous digest in capitals": [["prev_sha256"], "A".repeat(64)],
    "root version 0": [["root_version"], 0],
    "another kind": [["kind"], "postpone"],
    "another upgrade type": [["upgrade_type"], "rename"],
    "a version with a v": [["version"], "v1.0.0"],
    "no targets": [["targets"], {}],
    "a target of another version": [["targets"], { "dchat/2.0.0/dchat-2.0.0-linux-x64": target }],
    "a target that climbs": [["targets"], { "dchat/1.0.0/../x": target }],
    "a target with more fields": [["targets"], { "dchat/1.0.0/x": { ...target, url: "x" } }],
    "a target without BLAKE3": [["targets"], { "dchat/1.0.0/x": { length: 1, sha256: target.sha256 } }],
    "a height not above the proposal's": [["activation_height"], 10],
    "an expiry above the activation": [["expires_height"], 1001],
    "an expiry not above the proposal": [["expires_height"], 10],
    "a height in quotes": [["activation_height"], "1000"],
    "another way to switch": [["switch"], "after"],
    "a beginning of switching without before": [["switch_from"], 900],
    "before without a beginning": [["switch"], "before"],
    "a feature of a soft fork": [["feature"], "x"],
    "replaces that fall": [["replaces"], [2, 1]],
    "replaces twice the same": [["replaces"], [1, 1]],
    "replaces itself": [["replaces"], [3]],
    "replaces nothing": [["replaces"], []],
    "a title of two lines": [["title"], "a\nb"],
  };
  for (const [name, [path, to]] of Object.entries(bad)) {
    test(`is refused with ${name}`, () => {
      const body = activation(undefined, { sequence: 3 });
      put(body, path, to);
      refused("E_MALFORMED", () => signed(body, "a"));
    });
  }

  test("that cancels holds nothing of an activation, and names something", () => {
    for (const more of [{ version: "1.0.0" }, { activation_height: 5 }, { replaces: [1] }] as MutableObject[]) {
      refused("E_MALFORMED", () => signed(cancellation(first, [1], more)));
    }
    refused("E_MALFORMED", () => signed(cancellation(first, [])));
    refused("E_MALFORMED", () => signed(cancellation(first, [2])));
    refused(
      "E_MALFORMED",
      () => signed(cancellation(first, Array.from({ length: 17 }, (_, i) => i + 1), { sequence: 50 })),
    );
  });

  test("is refused when one governor stands twice, and when it is too large", () => {
    const { signatures, signed: body } = JSON.parse(new TextDecoder().decode(certificateBytes(first)));
    refused(
      "E_MALFORMED",
      () => parseCertificate(jsonFile({ signed: body, signatures: [signatures[0], signatures[0]] })),
    );
    refused("E_TOO_LARGE", () => parseCertificate(new Uint8Array(MAX_CERTIFICATE_BYTES + 1)));
    const name = (i: number) => `dchat/1.0.0/dchat-1.0.0-${"x".repeat(150)}${i}`;
    const many = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [name(i), target]));
    const e = refused(
      "E_TOO_LARGE",
      () => signed(activation(undefined, { targets: many, notes_url: "x".repeat(1000) })),
    );
    assert.match(e.message, new RegExp(`at most ${MAX_SIGNED_BYTES}`));
  });
});

test("certificates overlap unless one had expired when the other was proposed", () => {
  const at = (from: number, to: number) => signed(activation(undefined, { proposed_height: from, expires_height: to }));
  assert.equal(overlaps(at(10, 20), at(19, 30)), true);
  assert.equal(overlaps(at(10, 20), at(20, 30)), false);
  assert.equal(overlaps(at(20, 30), at(10, 20)), false);
});
