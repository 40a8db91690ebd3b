// The parts of undici that the product uses, by their own files: no fetch, WebSocket, mocks, caches.
// Design: "One bundled file" of docs/architecture.md. The bundle holds this file compressed (build.ts).
// By files and not by name because undici's index replaces the process's global dispatcher, which a library must
// not do, and because Bun answers the bare name with an imitation of its own.
// Must not: import anything of src/; be imported other than by `import()` in this folder.
import type * as undici from "undici";
import api from "undici/lib/api/index.js";
import connect from "undici/lib/core/connect.js";
import errorClasses from "undici/lib/core/errors.js";
import agent from "undici/lib/dispatcher/agent.js";
import dispatcher from "undici/lib/dispatcher/dispatcher.js";
import envHttpProxyAgent from "undici/lib/dispatcher/env-http-proxy-agent.js";
import proxyAgent from "undici/lib/dispatcher/proxy-agent.js";
import socks5ProxyAgent from "undici/lib/dispatcher/socks5-proxy-agent.js";

// What undici's index does as well: gives every dispatcher its `request` method.
Object.assign(dispatcher.prototype, api);

// undici's inner files have no types; these are the package's own for the same things.
export const Agent = agent as typeof undici.Agent;
export const EnvHttpProxyAgent = envHttpProxyAgent as typeof undici.EnvHttpProxyAgent;
export const ProxyAgent = proxyAgent as typeof undici.ProxyAgent;
export const Socks5ProxyAgent = socks5ProxyAgent as typeof undici.Socks5ProxyAgent;
export const buildConnector = connect as typeof undici.buildConnector;
export const errors = errorClasses as typeof undici.errors;
