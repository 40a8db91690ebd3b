// What the node is started with: its command line and its environment, from what is trusted now.
// Design: "Running the node" of docs/activation.md. Must not: start it.
import { stat } from "node:fs/promises";
import { readCurrent } from "../activate/current.ts";
import { heightsFor } from "../activate/permission.ts";
import type { Ready } from "../activate/supervision.ts";
import type { TrustState } from "../trust/client.ts";
import type { ActivationSession } from "./activation.ts";
import type { Arguments } from "./command.ts";
import type { Context } from "./context.ts";

const PROGRAM = "{program}";

/** What stands behind "--". */
export function readTemplate(c: Context, a: Arguments): readonly string[] {
  if (a.positionals.length === 0) return [PROGRAM];
  if (!a.positionals.some((word) => word.includes(PROGRAM) || word.includes("DCHAT_PROGRAM"))) {
    c.out.warn(`the command does not name ${PROGRAM}: it has to start $DCHAT_PROGRAM by itself`);
  }
  return a.positionals;
}

export async function readyFor(
  state: TrustState,
  { home, staging }: ActivationSession,
  version: string,
  template: readonly string[],
): Promise<Ready> {
  const { program } = await staging.find(version);
  const current = await readCurrent(home);
  const own = current?.version === version ? current.activationHeight : undefined;
  const { haltHeight, activationHeight } = heightsFor(state, version, own);
  return {
    command: template.map((word) => word.replaceAll(PROGRAM, program).replaceAll("{version}", version)),
    env: {
      DCHAT_PROGRAM: program,
      DCHAT_VERSION: version,
      ...(haltHeight === undefined ? {} : { DCHAT_HALT_HEIGHT: String(haltHeight) }),
      ...(activationHeight === undefined ? {} : { DCHAT_ACTIVATION_HEIGHT: String(activationHeight) }),
    },
  };
}

/** What is trusted now; read again only when the file has changed, because reading verifies every signature. */
export function createTrustWatch({ home, store, state: first }: ActivationSession): () => Promise<TrustState> {
  let state = first, seen = "";
  return async () => {
    const info = await stat(home.trustFile).catch(() => undefined);
    const now = info === undefined ? seen : `${info.ino} ${info.size} ${info.mtimeMs}`;
    if (now !== seen) {
      state = await store.load() ?? state;
      seen = now;
    }
    return state;
  };
}
