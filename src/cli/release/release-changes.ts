// What a signer is about to put his name to, in words: how the staged documents differ from the published ones.
// Design: "Several people" of docs/publishing.md. Must not: judge the changes.
import type { Repository } from "../../publish/repository.ts";
import { canonicalText, isJsonObject, type Json } from "../../trust/json.ts";
import { type Root, type Targets, TOP_LEVEL_ROLES } from "../../trust/metadata.ts";
import { formatBytes } from "../output.ts";

/** Lines for the staged root and targets; snapshot and timestamp follow from them and need no words. */
export function describeStaged(r: Repository): string[] {
  const { root, targets } = r.staged;
  return [
    ...(root === undefined ? [] : [
      `root ${root.signed.version}, until ${day(root.signed.expiresMs)}:`,
      ...describeRoot(r.roots.at(-1)?.signed, root.signed),
    ]),
    ...(targets === undefined ? [] : [
      `targets ${targets.signed.version}, until ${day(targets.signed.expiresMs)}:`,
      ...describeTargets(r.targets?.signed, targets.signed),
    ]),
  ];
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function describeRoot(before: Root | undefined, after: Root): string[] {
  const lines: string[] = [];
  for (const role of TOP_LEVEL_ROLES) {
    const old = before?.roles[role], now = after.roles[role];
    for (const id of now.keyIds) if (old?.keyIds.has(id) !== true) lines.push(`   + ${role} key ${id}`);
    for (const id of old?.keyIds ?? []) if (!now.keyIds.has(id)) lines.push(`   - ${role} key ${id}`);
    if (old?.threshold !== now.threshold) {
      lines.push(`   ${role} threshold ${old?.threshold ?? "-"} → ${now.threshold}`);
    }
  }
  const fields = (root: Root | undefined) => isJsonObject(root?.xDchat) ? root.xDchat : {};
  const old = fields(before), now = fields(after);
  for (const name of new Set([...Object.keys(old), ...Object.keys(now)])) {
    const [was, is] = [shown(old[name]), shown(now[name])];
    if (was !== is) lines.push(`   ${name}: ${was} → ${is}`);
  }
  return lines.length === 0 ? ["   only a new lifetime"] : lines;
}

function shown(value: Json | undefined): string {
  return value === undefined ? "-" : canonicalText(value);
}

function describeTargets(before: Targets | undefined, after: Targets): string[] {
  const lines: string[] = [];
  for (const [path, target] of after.targets) {
    const old = before?.targets.get(path);
    const what = `${path} (${formatBytes(target.length)}, SHA-256 ${target.hashes.sha256})`;
    if (old === undefined) lines.push(`   + ${what}`);
    else if (old.hashes.sha256 !== target.hashes.sha256) lines.push(`   other bytes: ${what}`);
    else if (shown(old.custom) !== shown(target.custom)) lines.push(`   other details: ${what}`);
  }
  for (const path of before?.targets.keys() ?? []) if (!after.targets.has(path)) lines.push(`   - ${path}`);
  return lines.length === 0 ? ["   the same artifacts"] : lines;
}
