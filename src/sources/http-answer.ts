// What the head of an HTTP answer about an artifact says, and whether that is what was asked for. RFC 9110, sections 14
// and 15. Everything in it is untrusted: what does not fit exactly is refused. Pure.
// Must not: read a body.

import { UpdateError } from "../errors.ts";
import type { HttpResponse } from "../net/http-client.ts";

/** The status and headers of an answer. */
export type AnswerHead = Pick<HttpResponse, "status" | "headers">;

/** Bytes of an artifact: the positions of the first and the last one, and how many there are in all. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
  readonly total: number;
}

/**
 * Judges the answer to a request for a part.
 * @returns "part" when exactly that follows; "whole" when the server has no ranges and everything follows; "broken" when it
 *   has them, and this is not the one that was asked for
 * @throws UpdateError E_ABSENT; E_SIZE_MISMATCH when it has something of another size than the signed one;
 *   E_HTTP_STATUS for everything else
 */
export function judgeRangeAnswer(id: string, head: AnswerHead, asked: ByteRange): "part" | "whole" | "broken" {
  if (head.status === 200) return judgeWholeAnswer(id, head, asked.total);
  if (head.status !== 206 && head.status !== 416) throw statusError(id, head);
  const given = parseContentRange(head.headers["content-range"]);
  if (given.total !== undefined && given.total !== asked.total) throw wrongSize(id, given.total, asked.total);
  const askedBytes = asked.last - asked.first + 1, bytes = contentLength(head) ?? askedBytes;
  const isIt = head.status === 206 && given.first === asked.first && given.last === asked.last && bytes === askedBytes;
  return isIt ? "part" : "broken";
}

/**
 * Judges the answer to a request for all of it.
 * @throws UpdateError as `judgeRangeAnswer`
 */
export function judgeWholeAnswer(id: string, head: AnswerHead, total: number): "whole" {
  if (head.status !== 200) throw statusError(id, head);
  const length = contentLength(head);
  if (length !== undefined && length !== total) throw wrongSize(id, length, total);
  return "whole";
}

// "bytes 5-9/10", "bytes 5-9/*", or "bytes */10" with status 416. Anything else has none of the numbers.
function parseContentRange(value: string | undefined): Partial<ByteRange> {
  const [, first, last, total] = /^bytes (?:(\d{1,15})-(\d{1,15})|\*)\/(?:(\d{1,15})|\*)$/.exec(value ?? "") ?? [];
  return {
    ...(first === undefined ? {} : { first: Number(first) }),
    ...(last === undefined ? {} : { last: Number(last) }),
    ...(total === undefined ? {} : { total: Number(total) }),
  };
}

export function contentLength({ headers }: AnswerHead): number | undefined {
  const value = headers["content-length"];
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

// Object stores answer 403 for what is absent to whoever may not list it.
const ABSENT = new Set([403, 404, 410]);

/** What a status other than the one asked for says. */
export function statusError(id: string, { status }: AnswerHead): UpdateError {
  return ABSENT.has(status)
    ? new UpdateError("E_ABSENT", `${id} does not have it (status ${status})`, { source: id })
    : new UpdateError("E_HTTP_STATUS", `${id} answered with status ${status}`, { source: id });
}

function wrongSize(id: string, bytes: number, signed: number): UpdateError {
  return new UpdateError("E_SIZE_MISMATCH", `${id} answered with ${bytes} bytes, the signed size is ${signed}`, {
    source: id,
    hint: "it may be an error page or another release; another mirror may have the right one",
  });
}
