// The maintainer's commands. Design: docs/cli.md, docs/publishing.md.
// Must not: hold any of them; this is the list.
import type { Command } from "../command.ts";
import { releaseAddCommand } from "./release-add.ts";
import { releaseKeygenCommand } from "./release-keygen.ts";
import { releaseMirrorsCommand } from "./release-mirrors.ts";
import { releasePruneCommand } from "./release-prune.ts";
import { releasePublishCommand, releaseRefreshCommand } from "./release-publish.ts";
import { releaseInitCommand, releaseRotateRootCommand } from "./release-root.ts";
import { releaseMergeCommand, releaseSignCommand } from "./release-sign.ts";

export const releaseCommands: readonly Command[] = [
  releaseKeygenCommand,
  releaseInitCommand,
  releaseAddCommand,
  releaseMirrorsCommand,
  releaseSignCommand,
  releaseMergeCommand,
  releasePublishCommand,
  releaseRefreshCommand,
  releasePruneCommand,
  releaseRotateRootCommand,
];
