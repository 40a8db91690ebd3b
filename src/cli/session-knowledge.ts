// What a home knows, as something that peers can add to. Design: docs/gossip.md.
// Must not: be opened by what asks no peer.
import {
  createStoredKnowledge,
  type StoredKnowledge,
  type StoredKnowledgeOptions,
} from "../service/stored-knowledge.ts";
import { networkOf } from "../trust/x-dchat.ts";
import { ownPlatform } from "./own-platform.ts";
import type { Session } from "./session.ts";

export function openKnowledge(
  { config, home, state, store }: Session,
  o: Pick<StoredKnowledgeOptions, "now" | "noteSight" | "onGrowth">,
): StoredKnowledge {
  return createStoredKnowledge({
    network: config.network ?? networkOf(state.root.signed),
    store,
    file: home.trustFile,
    initial: state,
    platform: ownPlatform(),
    ...o,
  });
}
