// release keygen: makes a key pair. Design: docs/cli.md. Must not: print anything of the private key.
import { generateKeyFiles, publicKeyFile } from "../../publish/key-file.ts";
import type { Command } from "../command.ts";

export const releaseKeygenCommand: Command = {
  name: "release keygen",
  summary: "make an Ed25519 key: FILE (private, mode 0600) and its .pub beside it",
  positionals: "FILE",
  options: {},
  async run(c, a) {
    const file = a.positional(0);
    const { keyId } = await generateKeyFiles(file);
    return {
      lines: [
        c.out.line("key", `Private key: ${file} (readable by you alone: keep it secret and keep a copy)`),
        `   public key: ${publicKeyFile(file)}`,
        `   key id: ${keyId}`,
      ],
      json: { privateKeyFile: file, publicKeyFile: publicKeyFile(file), keyId },
    };
  },
};
