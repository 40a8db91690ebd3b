// Questions to an RPC over HTTP: bounded answers, read field by field. Design: "All answers bounded" of
// docs/chain.md. Not the strict JSON of signed files: nodes write floats and huge numbers in fields nobody asks for.
// Must not: know which chain it talks to.
import type { Opts } from "../api.ts";
import { UpdateError } from "../errors.ts";
import type { HttpClient, HttpResponse } from "../net/http-client.ts";
import { readBounded } from "../net/read-bounded.ts";
import { Field } from "../trust/fields.ts";
import type { Json } from "../trust/json.ts";

/** A block header with the hashes of its transactions: ten thousand of them are 700 KB. */
const MAX_ANSWER_BYTES = 4 * 2 ** 20;
const MAX_SHOWN = 120;

/** An RPC that speaks JSON-RPC 2.0 over POST. */
export interface JsonRpc {
  /** @throws UpdateError of the network; E_MALFORMED; E_HTTP_STATUS when it answers with an error */
  call(method: string, params: readonly Json[], o: Opts): Promise<Field>;
}

export function createJsonRpc(client: HttpClient, url: string): JsonRpc {
  let lastId = 0;
  return {
    async call(method, params, { signal }) {
      const id = ++lastId;
      const body = new TextEncoder().encode(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
      const answer = await client.post(url, { signal, body, headers: { "content-type": "application/json" } });
      const f = await readAnswer(answer, method);
      f.get("error").optional((e) => e.value === null ? undefined : failed(method, e));
      if (!f.get("result").present) f.fail("has neither a result nor an error");
      return f.get("result");
    },
  };
}

/** GET of a path below the RPC's URL. @throws UpdateError as `JsonRpc.call` */
export async function getJson(client: HttpClient, url: string, path: string, o: Opts): Promise<Field> {
  const target = new URL(url);
  const [name = "", query] = path.split("?");
  target.pathname = `${target.pathname.replace(/\/+$/, "")}/${name}`;
  for (const [key, value] of new URLSearchParams(query)) target.searchParams.set(key, value);
  return await readAnswer(await client.get(target.href, { ...o, maxRedirects: 0 }), name);
}

async function readAnswer(answer: HttpResponse, what: string): Promise<Field> {
  // Errors of JSON-RPC come with any status; whatever is no JSON is told by its status.
  const tooLarge = () => new UpdateError("E_TOO_LARGE", `${what}: more than ${MAX_ANSWER_BYTES} bytes`);
  const bytes = await readBounded(answer.body, MAX_ANSWER_BYTES, tooLarge);
  let value: Json;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as Json; // what JSON.parse gives
  } catch (cause) {
    const message = answer.status === 200 ? `${what}: the answer is not JSON` : `${what}: HTTP status ${answer.status}`;
    throw new UpdateError(answer.status === 200 ? "E_MALFORMED" : "E_HTTP_STATUS", message, { cause });
  }
  return new Field(value, what);
}

function failed(method: string, error: Field): never {
  const { value } = error.get("message");
  const said = typeof value === "string" ? `: ${JSON.stringify(value.slice(0, MAX_SHOWN))}` : "";
  throw new UpdateError("E_HTTP_STATUS", `${method} is refused${said}`);
}

/** A whole number that a chain writes as text: decimal, or hexadecimal behind 0x. */
export function readNumber(f: Field): number {
  if (typeof f.value === "number") return Number.isSafeInteger(f.value) ? f.integer(0) : f.fail("is too large");
  const text = f.string();
  if (!/^(0x[0-9a-fA-F]{1,64}|[0-9]{1,20})$/.test(text)) return f.fail("must be a whole number");
  const n = Number(text);
  return Number.isSafeInteger(n) ? n : f.fail("is too large");
}

/** A digest as chains write them: hexadecimal, perhaps behind 0x; given back in lower case. */
export function readHash(f: Field): string {
  const text = f.string();
  return /^(0x)?[0-9a-fA-F]{16,128}$/.test(text) ? text.toLowerCase() : f.fail("must be hexadecimal digits");
}
