// A publisher as a process of its own that kills itself after some writes, holding the repository's lock.
// Arguments: repository, key file, number of writes it lives for.
import { readKeyFile } from "../../src/publish/key-file.ts";
import { publish } from "../../src/publish/publish.ts";
import { createRepositoryFiles, lockRepository } from "../../src/publish/repository.ts";
import { createSigner } from "../../src/publish/signer.ts";

const [folder = "", keyFile = "", lives = ""] = process.argv.slice(2);
const files = createRepositoryFiles(folder);
const signer = createSigner(await readKeyFile(keyFile), undefined);
const signal = AbortSignal.timeout(60_000);
let left = Number(lives);

await lockRepository(folder, { signal }, () =>
  publish({
    ...files,
    write(path, bytes) {
      if (left-- === 0) process.kill(process.pid, "SIGKILL");
      return files.write(path, bytes);
    },
  }, {
    what: "staged",
    signers: signer === undefined ? [] : [signer],
    nowMs: Date.now(),
    lifetimes: {},
    renew: new Set(),
    signal,
  }));
