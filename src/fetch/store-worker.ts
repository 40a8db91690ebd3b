// The program of the thread that owns an artifact in flight. Design: "Where the bytes go" of docs/architecture.md.
// A program of its own in the bundled file (build/hashing-core.ts). Must not: import what it does not need.
import { compileBlake3, instantiateBlake3 } from "../hash/blake3-core.ts";
import { onStart } from "../hash/worker-start.ts";
import type { StoreMessage, StoreRequest, StoreWorkerStart } from "./store-messages.ts";
import { startStoreService } from "./store-service.ts";

// startStoreThread gives nothing else than a StoreWorkerStart, and StoreRequests after it.
onStart<StoreWorkerStart, StoreMessage>((start, say) => {
  const receive = startStoreService(start, async () => await instantiateBlake3(await compileBlake3(start.wasm)), say);
  return (request) => receive(request as StoreRequest);
});
