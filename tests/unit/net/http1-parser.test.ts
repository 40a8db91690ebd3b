import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createAnswerParser } from "../../../src/net/http1-parser.ts";
import { fails } from "../../support/fails.ts";
import { seededRandom } from "../../support/seeded-random.ts";

interface Parsed {
  status?: number;
  headers?: Readonly<Record<string, string>>;
  isDelimited?: boolean;
  body: string;
  /** Undefined while it goes on. */
  canReuse?: boolean;
  /** Bytes came behind its end. */
  surplus: boolean;
}

/** @param cuts where the bytes are cut into chunks; @param ends the connection ends behind them */
function parse(raw: string, cuts: readonly number[] = [], ends = false): Parsed {
  const parsed: Parsed = { body: "", surplus: false };
  const parser = createAnswerParser("a.test", {
    onHead: (head) => Object.assign(parsed, head),
    onBody: (bytes) => parsed.body += Buffer.from(bytes).toString("latin1"),
    onEnd: (canReuse) => parsed.canReuse = canReuse,
  });
  const bytes = Buffer.from(raw, "latin1");
  let at = 0;
  for (const cut of [...cuts, bytes.length]) {
    if (cut > at) parsed.surplus = !parser.push(bytes.subarray(at, cut)) || parsed.surplus;
    at = Math.max(at, cut);
  }
  if (ends) parser.finish();
  return parsed;
}

const ok = (rest: string) => `HTTP/1.1 200 OK\r\n${rest}`;

describe("an HTTP/1.1 answer", () => {
  const GOOD: readonly [what: string, raw: string, expected: Partial<Parsed>, ends?: boolean][] = [
    ["with a length", ok("Content-Length: 5\r\n\r\nhello"), {
      status: 200,
      headers: { "content-length": "5" },
      isDelimited: true,
      body: "hello",
      canReuse: true,
    }],
    ["that is not whole", ok("Content-Length: 6\r\n\r\nhello"), { body: "hello" }],
    ["that is empty", ok("Content-Length: 0\r\n\r\n"), { body: "", canReuse: true }],
    ["without a reason", "HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", { status: 404, canReuse: true }],
    ["with space around a value", ok("X: \t a b \t\r\nContent-Length: 0\r\n\r\n"), {
      headers: { x: "a b", "content-length": "0" },
    }],
    ["with a header twice", ok("X: a\r\nx: b\r\nContent-Length: 0\r\n\r\n"), {
      headers: { x: "a, b", "content-length": "0" },
    }],
    ["with a header that is named like a method", ok("__proto__: a\r\nContent-Length: 0\r\n\r\n"), {
      headers: JSON.parse('{ "__proto__": "a", "content-length": "0" }'),
    }],
    ["with letters beyond ASCII", ok("X: \xe4\r\nContent-Length: 0\r\n\r\n"), {
      headers: { x: "\xe4", "content-length": "0" },
    }],
    ["in chunks", ok('Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x="y"\r\n0123456789\r\n0\r\n\r\n'), {
      body: "hello0123456789",
      isDelimited: true,
      canReuse: true,
    }],
    ["in chunks with trailers", ok("transfer-encoding: Chunked\r\n\r\n1 \r\nx\r\n00\r\nX-Sum: 1\r\n\r\n"), {
      body: "x",
      canReuse: true,
    }],
    [
      "that ends with the connection",
      ok("X: y\r\n\r\nhello"),
      { body: "hello", isDelimited: false, canReuse: false },
      true,
    ],
    ["that says it is the last", ok("Connection: foo, Close\r\nContent-Length: 1\r\n\r\nx"), { canReuse: false }],
    ["of HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", { body: "x", canReuse: false }],
    ["without a body by its status", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", {
      status: 304,
      canReuse: true,
    }],
    [
      "after hints",
      `HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${ok("Content-Length: 1\r\n\r\nx")}`,
      {
        status: 200,
        headers: { "content-length": "1" },
        body: "x",
        canReuse: true,
      },
    ],
    ["with another behind it", ok("Content-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n"), { body: "x", surplus: true }],
  ];
  for (const [what, raw, expected, ends = false] of GOOD) {
    test(`${what} is read the same however it is cut`, () => {
      const whole = parse(raw, [], ends);
      for (const [key, value] of Object.entries(expected)) assert.deepEqual(whole[key as keyof Parsed], value, key);
      const everywhere = Array.from({ length: raw.length }, (_, i) => i + 1);
      assert.deepEqual(parse(raw, everywhere, ends), whole, "byte by byte");
      for (const cut of everywhere) assert.deepEqual(parse(raw, [cut], ends), whole, `cut at ${cut}`);
    });
  }

  const BAD: readonly [what: string, raw: string, ends?: boolean][] = [
    ["noise", "\0\x01\x1b[31mnoise\r\n\r\n"],
    ["another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n"],
    ["another version", "HTTP/2.0 200 OK\r\n\r\n"],
    ["no status", "HTTP/1.1 OK\r\n\r\n"],
    ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
    ["lines that end in a line feed alone", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"],
    ["a stray carriage return", ok("X: a\rContent-Length: 5\r\n\r\n")],
    ["a NUL in a header", ok("X: a\0b\r\n\r\n")],
    ["a header without a colon", ok("nonsense\r\n\r\n")],
    ["a header without a name", ok(": a\r\n\r\n")],
    ["a space before the colon", ok("Content-Length : 5\r\n\r\nhello")],
    ["a folded header", ok("X: a\r\n b\r\n\r\n")],
    ["two lengths", ok("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello")],
    ["the same length twice", ok("Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello")],
    ["a negative length", ok("Content-Length: -5\r\n\r\n")],
    ["a length in hex", ok("Content-Length: 0x5\r\n\r\n")],
    ["a length beyond all numbers", ok(`Content-Length: ${"9".repeat(16)}\r\n\r\n`)],
    ["a length and chunks", ok("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")],
    ["another transfer encoding", ok("Transfer-Encoding: gzip, chunked\r\n\r\n")],
    ["chunks twice", ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n")],
    ["a chunk without a size", ok("Transfer-Encoding: chunked\r\n\r\n\r\n")],
    ["a chunk of a negative size", ok("Transfer-Encoding: chunked\r\n\r\n-1\r\n")],
    ["a chunk with 0x", ok("Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n")],
    ["a chunk beyond all numbers", ok("Transfer-Encoding: chunked\r\n\r\n1000000000000\r\n")],
    ["a chunk that is longer than it said", ok("Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n")],
    ["a line of a chunk without an end", ok(`Transfer-Encoding: chunked\r\n\r\n1;${"x".repeat(2000)}`)],
    ["trailers without an end", ok(`Transfer-Encoding: chunked\r\n\r\n0\r\n${"X: y\r\n".repeat(4000)}`)],
    ["headers without an end", ok("X: y\r\n".repeat(4000))],
    ["one header without an end", ok(`X: ${"y".repeat(20_000)}`)],
    ["hints without an end", "HTTP/1.1 103 Early\r\n\r\n".repeat(20)],
    ["another protocol instead", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    ["nothing", "", true],
    ["half a head", "HTTP/1.1 200 OK\r\nContent-", true],
    ["half a body", ok("Content-Length: 6\r\n\r\nhello"), true],
    ["half a chunk", ok("Transfer-Encoding: chunked\r\n\r\n5\r\nhel"), true],
    ["chunks without the last", ok("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), true],
    ["chunks without the last line", ok("Transfer-Encoding: chunked\r\n\r\n0\r\n"), true],
  ];
  for (const [what, raw, ends = false] of BAD) {
    test(`${what} is refused, however it is cut`, () => {
      const random = seededRandom(what);
      for (let i = 0; i < 20; i++) {
        const cuts = i === 0
          ? []
          : Array.from({ length: 1 + random.below(9) }, () => random.below(raw.length + 1)).sort((a, b) => a - b);
        assert.throws(() => parse(raw, cuts, ends), fails("E_UNREACHABLE", "a.test"), `cut at ${cuts}`);
      }
      if (raw.length < 200) {
        const everywhere = Array.from({ length: raw.length }, (_, i) => i + 1);
        assert.throws(() => parse(raw, everywhere, ends), fails("E_UNREACHABLE"));
      }
    });
  }

  test("a head of exactly the limit is read, and a long line of spaces costs no time", () => {
    const head = (length: number) => ok(`X: ${"y".repeat(length - ok("X: ").length)}\r\n\r\n`);
    assert.equal(parse(head(16 * 1024)).status, 200);
    assert.throws(() => parse(head(16 * 1024 + 1)), fails("E_UNREACHABLE"));
    const startMs = performance.now();
    parse(ok(`X: a${" \t".repeat(8_000)}b\r\n\r\n`));
    assert.ok(performance.now() - startMs < 1_000);
  });
});
