// The URL of a mirror, as people write it, and the URLs of files on it. Design: "Release repository" of
// docs/formats.md. Pure. Must not: fetch, let credentials into an id.

import type { Artifact, Delta } from "../api.ts";
import { deltaPath } from "../delta/delta-head.ts";
import { UpdateError } from "../errors.ts";

/** True for a URL with placeholders, such as the release page of a code host: it has artifacts and no metadata. */
export function isTemplate(url: string): boolean {
  return url.includes("{");
}

/** What each placeholder of a template stands for; every value is percent-encoded, `{path}` segment by segment. */
const PLACEHOLDERS: ReadonlyMap<string, (a: Artifact) => string> = new Map([
  ["{version}", (a) => encodeURIComponent(a.version)],
  ["{name}", (a) => encodeURIComponent(a.name)],
  ["{platform}", (a) => encodeURIComponent(a.platform)],
  ["{sha256}", (a) => a.sha256],
  ["{path}", (a) => encodePath(a.path)],
]);

/**
 * Reads the URL of a mirror or a template.
 * @throws UpdateError E_USAGE when it is not http or https, or has an unknown placeholder, or one outside its path
 */
export function parseMirrorUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw usageError(text, "is not an http or https URL");
  }
  if (!isTemplate(text)) return url;
  for (const [placeholder] of text.matchAll(/\{[^}]*\}?/g)) {
    if (!PLACEHOLDERS.has(placeholder)) {
      throw usageError(text, `has the unknown placeholder ${JSON.stringify(placeholder.slice(0, 40))}`);
    }
  }
  // Signed values must not choose the server.
  if (!/^https?:\/\/[^/{?#]+\//i.test(text)) throw usageError(text, "has a placeholder outside its path");
  return url;
}

/** A mirror for people, logs and blame: its URL without credentials, query and trailing slash. */
export function mirrorId(text: string): string {
  const url = parseMirrorUrl(text);
  // Not by way of `url.pathname`, which would show the braces of a template percent-encoded.
  const path = /^[^:]+:\/\/[^/?#]*([^?#]*)/.exec(text)?.[1] ?? "";
  return `${url.origin}${path}`.replace(/\/+$/, "");
}

/**
 * The URL of a file below a mirror's URL, with the query of that URL, if any.
 * @param path relative and percent-encoded
 * @throws UpdateError E_MALFORMED when the path would climb out
 */
export function fileUrl(mirrorUrl: string, path: string): string {
  if (path.split("/").some((segment) => /^(\.|%2e){0,2}$/i.test(segment))) {
    throw new UpdateError("E_MALFORMED", `the path ${JSON.stringify(path.slice(0, 200))} is not one below a mirror`);
  }
  const url = new URL(mirrorUrl);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/${path}`;
  return url.href;
}

/** The URL of an artifact: by the layout of a release repository, or by a template. */
export function artifactUrl(mirrorUrl: string, a: Artifact): string {
  if (!isTemplate(mirrorUrl)) {
    const folder = a.path.slice(0, a.path.lastIndexOf("/") + 1);
    return fileUrl(mirrorUrl, encodePath(`targets/${folder}${a.sha256}.${a.name}`));
  }
  // Placeholders were checked when the mirror was read; one that is unknown here stays as it is and finds nothing.
  return mirrorUrl.replace(/\{[^}]*\}/g, (placeholder) => PLACEHOLDERS.get(placeholder)?.(a) ?? placeholder);
}

/** The URL of an artifact's piece list: beside the artifact, whatever the query of its URL is. */
export function pieceListUrl(mirrorUrl: string, a: Artifact): string {
  const url = new URL(artifactUrl(mirrorUrl, a));
  url.pathname += ".pieces";
  return url.href;
}

/** The URL of a delta: beside the artifact too. */
export function deltaUrl(mirrorUrl: string, a: Artifact, delta: Delta): string {
  const url = new URL(artifactUrl(mirrorUrl, a));
  url.pathname = deltaPath(url.pathname, delta);
  return url.href;
}

const encodePath = (path: string): string => path.split("/").map(encodeURIComponent).join("/");

function usageError(text: string, what: string): UpdateError {
  // Without what may be a password or a token.
  const shown = text.replace(/^([a-z]+:)?[/\\]*[^/\\?#]*@/i, "$1//").replace(/[?#].*$/s, "").slice(0, 200);
  return new UpdateError("E_USAGE", `the mirror ${JSON.stringify(shown)} ${what}`, {
    hint: "a mirror is https://host/path, or a template with {version} {name} {platform} {sha256} {path} in its path",
  });
}
