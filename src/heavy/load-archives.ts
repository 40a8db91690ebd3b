// Loads the libraries that read archives when the first one is unpacked. Design: "One bundled file" of
// docs/architecture.md. Must not: be imported by anything that works without an archive.

export type Archives = typeof import("./archives.ts");

export function loadArchives(): Promise<Archives> {
  return import("./archives.ts");
}
