// This machine's platform, as the names of artifacts have it. Design: "custom.dchat of a target" of docs/formats.md.
// Must not: be asked before it is needed: to touch `process` costs a light command its time on Deno.
import { platformName } from "../trust/naming.ts";

export function ownPlatform(): string {
  return platformName(process.platform, process.arch);
}
