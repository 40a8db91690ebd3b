// A mirror over a map of files, for tests of what is asked of whom; it counts what it is asked.
import type { Mirror } from "../../src/api.ts";
import { UpdateError } from "../../src/errors.ts";
import type { Files } from "./trust-client.ts";

export interface FileMirror extends Mirror {
  /** Every path that was asked for, in order. */
  readonly asked: string[];
}

/** @param files asked anew each time; `answer` may throw or give other bytes instead */
export function fileMirror(
  id: string,
  files: () => Files,
  answer: (path: string, bytes: Uint8Array | undefined) => Uint8Array | undefined = (_, bytes) => bytes,
): FileMirror {
  const asked: string[] = [];
  return {
    id,
    asked,
    async fetch(path, maxBytes) {
      asked.push(path);
      await Promise.resolve();
      const bytes = answer(path, files().get(path));
      if (bytes === undefined) throw new UpdateError("E_ABSENT", `${path} is not there`, { source: id });
      if (bytes.length > maxBytes) throw new UpdateError("E_TOO_LARGE", `${path} is too large`, { source: id });
      return bytes;
    },
  };
}

/** A mirror that cannot be reached. */
export function deadMirror(id: string): FileMirror {
  return fileMirror(id, () => new Map(), () => {
    throw new UpdateError("E_UNREACHABLE", "connection refused", { source: id });
  });
}
