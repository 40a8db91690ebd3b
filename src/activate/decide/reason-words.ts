// The reasons of a decision in words. Design: "What is decided" of docs/chain.md. Pure.
// Must not: decide.
import type { Reason, ReasonCode } from "./decide.ts";

type Words = (r: Reason & { readonly version: string }) => string;

const WORDS: Readonly<Record<ReasonCode, Words>> = {
  "not-governed": () => "the root names no governors: versions change when the operator says so",
  obstacle: (r) => `${r.detail}; this node switches to nothing`,
  withdrawn: (r) => `${r.version}, which runs, is approved by nobody (any more); going back is done by hand`,
  "polled-hard-fork": (r) =>
    `${r.version}${at(r)} is refused: a hard fork at its very height needs a chain with instant finality`,
  "not-released": (r) => `${r.version}${at(r)} is approved, but not released: it does not count until it is`,
  mismatch: (r) => `${r.version}${at(r)}: governors have approved other bytes than release keys have signed`,
  failed: (r) => `${r.version}${at(r)} has failed on this node and is not tried again there`,
  "no-genesis": () => "the root does not say what the network began with",
  "no-height": () => "the chain's height is not known yet",
  "nothing-scheduled": () => "nothing is scheduled",
  waiting: (r) =>
    `waiting for ${r.version}${at(r)}${
      r.blocksLeft === null ? "" : `, ${r.blocksLeft} final blocks until it is switched`
    }`,
  due: (r) => `it is time for ${r.version}${at(r)}`,
  pinned: (r) => `held at ${r.detail} by the configuration: ${r.version}${at(r)} is not switched to`,
  "waits-for-operator": (r) =>
    `it is time for ${r.version}${at(r)}, which waits for you: dchat-update activate --version ${r.version}`,
  "will-ask": (r) => `auto-restart is off: when it is time, type dchat-update activate --version ${r.version}`,
  "not-for-platform": (r) => `${r.version}${at(r)} was not approved for this platform: it takes another certificate`,
  "not-staged": (r) => `${r.version}${at(r)} is not ready to run here: dchat-update install --version ${r.version}`,
  "would-fork": (r) =>
    `STOPPED: the hard fork to ${r.version}${at(r)} has come, and what runs would follow another chain`,
};

/** One sentence without its full stop. */
export function reasonWords(r: Reason): string {
  return WORDS[r.code]({ ...r, version: r.version ?? "?" });
}

function at({ activationHeight }: Reason): string {
  return activationHeight === null ? "" : ` from block ${activationHeight} on`;
}
