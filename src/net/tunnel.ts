// A tunnel through an HTTP proxy. Design: "HTTPS_PROXY, HTTP_PROXY and NO_PROXY" of docs/cli.md; RFC 9110, section 9.3.6.
// Must not: resolve the target's name (the proxy does), look at what goes through.

import type { Socket } from "node:net";
import { UpdateError } from "../errors.ts";
import { basicCredentials } from "./credentials.ts";

// A proxy's answer to CONNECT is a status line and a few headers.
const MAX_TUNNEL_ANSWER_BYTES = 16 * 1024;

/**
 * Asks the proxy at the other end of `socket` to connect it to `target`.
 * @throws UpdateError E_UNREACHABLE when it does not; the socket's error; the signal's reason
 */
export function openTunnel(socket: Socket, target: URL, proxy: URL, signal: AbortSignal): Promise<void> {
  const authority = `${target.hostname}:${target.port || 443}`;
  const lines = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`];
  const credentials = basicCredentials(proxy);
  if (credentials !== undefined) lines.push(`Proxy-Authorization: ${credentials}`);
  return new Promise((resolve, reject) => {
    let answer = "";
    const settle = (error?: unknown) => {
      socket.off("data", onData).off("end", onEnd).off("error", settle);
      signal.removeEventListener("abort", onAbort);
      socket.pause();
      if (error === undefined) resolve();
      else reject(error);
    };
    const onAbort = () => settle(signal.reason);
    const onEnd = () => settle(Object.assign(new Error("closed"), { code: "ECONNRESET" }));
    const onData = (chunk: Uint8Array) => {
      answer += new TextDecoder("latin1").decode(chunk);
      if (answer.length > MAX_TUNNEL_ANSWER_BYTES) return settle(tunnelError(proxy, "too much"));
      const end = answer.indexOf("\r\n\r\n");
      if (end === -1) return;
      const status = /^HTTP\/1\.[01] (\d{3})[ \r]/.exec(answer)?.[1];
      if (status === undefined || !status.startsWith("2")) return settle(tunnelError(proxy, status ?? "not in HTTP"));
      // The server behind must not speak first in TLS: bytes here would be the proxy's own, or smuggled.
      settle(end + 4 === answer.length ? undefined : tunnelError(proxy, "more than an answer"));
    };
    socket.on("data", onData).on("end", onEnd).on("error", settle);
    signal.addEventListener("abort", onAbort);
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  });
}

function tunnelError(proxy: URL, answer: string): UpdateError {
  const hint = answer === "407"
    ? { hint: "put user and password into the proxy's URL: http://user:password@host" }
    : {};
  return new UpdateError("E_UNREACHABLE", `proxy ${proxy.host} answered CONNECT with ${answer}`, hint);
}
