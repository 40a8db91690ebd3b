// The stage of an attack test: a liar and an honest mirror on loopback, and fresh operators, all cleared away at the
// end of the file. Must not: say what anybody serves.
import { after } from "node:test";
import type { Runtime } from "../runtimes/runtimes.ts";
import { testBytes } from "./artifact.ts";
import type { Scene } from "./caught.ts";
import { type LyingMirror, startLyingMirror } from "./lying-mirror.ts";
import { createOperator, type Operator, type OperatorOptions } from "./operator.ts";
import { createReleaseRepository, type ReleaseRepository } from "./release-repository.ts";
import type { Files } from "./trust-client.ts";

export interface Stage {
  readonly liar: LyingMirror;
  readonly honest: LyingMirror;
  /** An operator who knows the liar alone. */
  operator(o: Omit<OperatorOptions, "mirrors"> & { mirrors?: readonly string[] }): Promise<Operator>;
  /** An operator who has learnt these files from the only mirror there is, the liar, while it was honest. */
  scene(repository: ReleaseRepository, known: Files, runtime?: Runtime): Promise<Scene>;
}

/** To be called once, at the top of a test file. */
export async function createStage(): Promise<Stage> {
  const liar = await startLyingMirror(), honest = await startLyingMirror();
  const operators: Operator[] = [];
  const experienced = new Map<Files, Operator>();
  after(async () => {
    for (const operator of operators) operator.close();
    await Promise.all([liar.close(), honest.close()]);
  });
  const stage: Stage = {
    liar,
    honest,
    async operator(o) {
      const operator = await createOperator({ mirrors: [liar.url], ...o });
      operators.push(operator);
      return operator;
    },
    async scene(repository, known, runtime) {
      const pinnedRoot = repository.pinnedRoot;
      const like = experienced.get(known) ?? await stage.operator({ pinnedRoot });
      if (!experienced.has(known)) {
        liar.serve(known);
        await like.succeed("check");
        experienced.set(known, like);
      }
      const operator = await stage.operator({ pinnedRoot, like, ...(runtime === undefined ? {} : { runtime }) });
      return { operator, liar, honest, digests: repository.digests };
    },
  };
  return stage;
}

/** A repository with release 1.0.0, and where a mirror serves it. */
export async function createRelease(
  seed: string,
  content: Uint8Array = testBytes(50_000, seed),
): Promise<{ repository: ReleaseRepository; path: string; content: Uint8Array }> {
  const repository = createReleaseRepository({ seed });
  const path = await repository.addRelease("1.0.0", { content });
  repository.publish();
  return { repository, path, content };
}
