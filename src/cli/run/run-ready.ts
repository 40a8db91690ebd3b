// What the node is started with: its command line and its environment, from what is trusted now.
// Design: "Running the node" of docs/activation.md. Must not: start it.
import { readCurrent } from "../../activate/current.ts";
import { isNoticeDue, noticeHeight } from "../../activate/decide/halt-notice.ts";
import { heightsFor } from "../../activate/decide/permission.ts";
import type { Ready } from "../../activate/supervise/supervision.ts";
import { fileMark } from "../../disk/file-mark.ts";
import type { TrustState } from "../../trust/client.ts";
import type { ActivationSession } from "../activation.ts";
import type { Arguments } from "../command.ts";
import type { Context } from "../context.ts";
import { ownPlatform } from "../own-platform.ts";

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
  const { haltHeight, activationHeight } = heightsFor(state, ownPlatform(), version, own);
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

/** Leaves a program that runs alone until it is time to tell it of another height to halt before. */
export type HoldBack = (ready: Ready, running: Ready | undefined) => Ready;

/**
 * @param latest the newest block; null where the chain does not answer
 * @param say told once for each notice that waits
 */
export function createHoldBack(nodeSeed: string, latest: () => number | null, say: (text: string) => void): HoldBack {
  let seen: { readonly key: string; readonly atHeight: number } | undefined;
  return (ready, running) => {
    if (running === undefined || withoutHalt(ready) !== withoutHalt(running)) return ready;
    const toldHeight = haltOf(running), newHeight = haltOf(ready), height = latest();
    if (toldHeight === newHeight || height === null) return ready;
    const key = `${toldHeight} ${newHeight}`;
    const isNew = seen?.key !== key;
    if (isNew) seen = { key, atHeight: height };
    const notice = { toldHeight, newHeight, seenAtHeight: seen?.atHeight ?? height, nodeSeed };
    if (isNoticeDue({ ...notice, height })) return ready;
    if (isNew) {
      const news = newHeight === undefined
        ? "there is no height to halt at any more"
        : `it has to halt at ${newHeight}`;
      say(`${news}: the program is told by a restart at block ${noticeHeight(notice)}, this node's own`);
    }
    return running;
  };
}

const HALT = "DCHAT_HALT_HEIGHT";

function haltOf({ env }: Ready): number | undefined {
  const height = Number(env[HALT]);
  return Number.isSafeInteger(height) ? height : undefined;
}

function withoutHalt({ command, env }: Ready): string {
  return JSON.stringify([command, Object.entries(env).filter(([name]) => name !== HALT)]);
}

/** What is trusted now; read again only when the file has changed, because reading verifies every signature. */
export function createTrustWatch({ home, store, state: first }: ActivationSession): () => Promise<TrustState> {
  let state = first, seen = "";
  return async () => {
    const now = await fileMark(home.trustFile).catch(() => seen);
    if (now !== seen) {
      state = await store.load() ?? state;
      seen = now;
    }
    return state;
  };
}
