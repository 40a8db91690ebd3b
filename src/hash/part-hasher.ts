// One thread's share in measuring a file: takes parts, reads each straight into a core's memory, offers it there to
// SHA-256 and leaves its chaining value. Design: "The hashing core" of docs/architecture.md.
// Must not: import what a worker does not need.
import { readAt } from "../disk/raw-file.ts";
import { UpdateError } from "../errors.ts";
import { type Blake3Core, PART_BYTES } from "./blake3-core.ts";
import {
  freePlace,
  keepValue,
  offerPart,
  partAt,
  partLength,
  type PieceJob,
  takePart,
  waitForPlace,
} from "./piece-job.ts";

export interface PartHasher {
  /**
   * Takes a part, reads it and does all of its BLAKE3.
   * @returns false when no part is left, or SHA-256 still wants all that this thread has read
   * @throws UpdateError E_IO when the file ends too early; the operating system's errors
   */
  hashNext(): boolean;
  /** Waits until `hashNext` has room; returns false when no part is left. */
  waitForRoom(): boolean;
}

/**
 * @param thread see `WorkerStart`
 * @param fd the file of the job, open
 */
export function createPartHasher(job: PieceJob, thread: number, fd: number, core: Blake3Core): PartHasher {
  let taken = 0;
  return {
    hashNext() {
      const place = freePlace(job, thread, taken);
      const part = place === undefined ? undefined : takePart(job);
      if (place === undefined || part === undefined) return false;
      taken++;
      const bytes = partAt(core.places, place, partLength(job, part));
      if (readAt(fd, bytes, part * PART_BYTES) < bytes.length) throw fileChanged(job.file);
      offerPart(job, part, { thread, place });
      keepValue(job, part, core.hashPart(place, bytes.length, part));
      return true;
    },
    waitForRoom: () => waitForPlace(job, thread, taken),
  };
}

export function fileChanged(file: string): UpdateError {
  return new UpdateError("E_IO", `${JSON.stringify(file)} was changed while it was read`, {
    hint: "wait until nobody writes to it, then try again",
  });
}
