// What a home knows, as something that peers can add to. Design: docs/gossip.md.
// Must not: be opened by what asks no peer.
import {
  createStoredKnowledge,
  type StoredKnowledge,
  type StoredKnowledgeOptions,
} from "../service/stored-knowledge.ts";
import { ownPlatform } from "./own-platform.ts";
import { networkName, type Session } from "./session.ts";

export function openKnowledge(
  session: Session,
  o: Pick<StoredKnowledgeOptions, "now" | "noteSight" | "onGrowth" | "onUnstored">,
): StoredKnowledge {
  const { home, state, store } = session;
  return createStoredKnowledge({
    network: networkName(session),
    store,
    file: home.trustFile,
    initial: state,
    platform: ownPlatform(),
    ...o,
  });
}
