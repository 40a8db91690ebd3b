// Credentials that a URL carries. Design: docs/cli.md. Pure. Must not: let them into an id or a message.

/** The value of an Authorization header for the user and password in a URL (RFC 7617); undefined without any. */
export function basicCredentials(url: URL): string | undefined {
  if (url.username === "" && url.password === "") return undefined;
  return `Basic ${btoa(utf8(`${decode(url.username)}:${decode(url.password)}`))}`;
}

/** A URL for people and logs: no credentials, query or fragment, which may hold secrets; bounded. */
export function publicUrl(url: URL): string {
  return `${url.origin}${url.pathname}`.slice(0, 300);
}

/** One character per byte, as btoa wants it. */
const utf8 = (text: string): string => String.fromCharCode(...new TextEncoder().encode(text));

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a lone "%" stands for itself
  }
}
