// The one answer of x/upgrade that is read: QueryCurrentPlanResponse { Plan plan = 1 }, Plan { string name = 1;
// int64 height = 3; … }, in protocol buffers. Pure. Must not: read fields that nobody needs.
import { UpdateError } from "../errors.ts";
import type { ChainPlan } from "./chain-clock.ts";

/** Fields that are numbers or bytes, by their number; the last one counts, as the format says. */
type Message = ReadonlyMap<number, number | Uint8Array>;

/** A name is shown to people. */
const MAX_NAME_LENGTH = 140;

/** @returns null when nothing is planned @throws UpdateError E_MALFORMED */
export function decodeCurrentPlan(bytes: Uint8Array): ChainPlan | null {
  const plan = decode(bytes).get(1);
  if (plan === undefined) return null;
  if (typeof plan === "number") throw malformed();
  const fields = decode(plan);
  const name = fields.get(1), height = fields.get(3);
  if (!(name instanceof Uint8Array) || typeof height !== "number") throw malformed();
  return { name: new TextDecoder().decode(name).slice(0, MAX_NAME_LENGTH), height };
}

function malformed(): UpdateError {
  return new UpdateError("E_MALFORMED", "the plan of x/upgrade cannot be read");
}

function decode(bytes: Uint8Array): Message {
  const fields = new Map<number, number | Uint8Array>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 49; factor *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw malformed();
      value += (byte & 127) * factor;
      if (byte < 128) return Number.isSafeInteger(value) ? value : unsafe();
    }
    return unsafe();
  };
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) throw malformed();
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = varint();
    const field = Math.floor(tag / 8), type = tag % 8;
    if (type === 0) fields.set(field, varint());
    else if (type === 1) take(8);
    else if (type === 2) fields.set(field, take(varint()));
    else if (type === 5) take(4);
    else throw malformed();
  }
  return fields;
}

/** Negative numbers and those beyond 2^53 are no heights. */
function unsafe(): never {
  throw malformed();
}
