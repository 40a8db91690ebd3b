// One random change to the bytes of one metadata file, as bad memory or a blunt attacker makes it.
// Must not: know what it damages.
import type { SeededRandom } from "../support/seeded-random.ts";

/** A changed copy; never equal to the original. */
export function mutateBytes(bytes: Uint8Array, r: SeededRandom): { bytes: Uint8Array; what: string } {
  const at = r.below(bytes.length), list = [...bytes];
  const show = (b: number | undefined) => JSON.stringify(String.fromCharCode(b ?? 0));
  switch (r.below(5)) {
    case 0:
      list[at] = (list[at] ?? 0) ^ (1 << r.below(8));
      return { bytes: Uint8Array.from(list), what: `a bit of ${show(bytes[at])} at ${at}` };
    case 1: {
      const to = r.pick([...'0123456789abcdefABCDEF"\\{}[],: \nxyz-.e']).charCodeAt(0);
      list[at] = to === list[at] ? to ^ 1 : to;
      return { bytes: Uint8Array.from(list), what: `${show(list[at])} for ${show(bytes[at])} at ${at}` };
    }
    case 2:
      list.splice(at, 1);
      return { bytes: Uint8Array.from(list), what: `without ${show(bytes[at])} at ${at}` };
    case 3: {
      const added = r.pick([...'0aA" \\,]}']).charCodeAt(0);
      list.splice(at, 0, added);
      return { bytes: Uint8Array.from(list), what: `${show(added)} before ${at}` };
    }
    default: {
      const length = 1 + r.below(40), to = r.below(list.length);
      list.splice(to, 0, ...bytes.subarray(at, at + length));
      return { bytes: Uint8Array.from(list), what: `${length} bytes of ${at} again at ${to}` };
    }
  }
}
