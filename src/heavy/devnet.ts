// The devnet, which hardly anybody needs twice a day. Design: "One bundled file" of docs/architecture.md: it stands
// compressed in the bundled file. Must not: be imported other than by `import()` in this folder.
export { runDevnet } from "../devnet/devnet.ts";
export { startMirrorServer } from "../devnet/mirror-server.ts";
