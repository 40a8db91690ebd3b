// The program of the thread that owns an artifact in flight. Design: "Where the bytes go" of docs/architecture.md.
// A program of its own in the bundled file (build/hashing-core.ts): it must not import what it does not need.
import { parentPort, workerData } from "node:worker_threads";
import { compileBlake3, instantiateBlake3 } from "../hash/blake3-core.ts";
import type { StoreWorkerStart } from "./store-messages.ts";
import { startStoreService } from "./store-service.ts";

const start = workerData as StoreWorkerStart; // startStoreThread gives nothing else
const receive = startStoreService(
  start,
  async () => await instantiateBlake3(await compileBlake3(start.wasm)),
  (message, transfer) => parentPort?.postMessage(message, transfer),
);
parentPort?.on("message", receive);
