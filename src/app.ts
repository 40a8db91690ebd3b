// Everything that is loaded when it is first used: the commands and the library, functions all.
// Design: "One bundled file" of docs/architecture.md. In the bundle this file stands as text (build/app-parts.ts).
// Must not: export anything but functions; what a caller compares with must be loaded once, in dchat-update.ts.
export { runCli } from "./cli/main.ts";
export { digestFile } from "./hash/digest-file.ts";
export { createTufClient, type TufClient, type TufClientOptions } from "./library/tuf-client.ts";
export { verifyPackage, type VerifyPackageOptions } from "./library/verify-package.ts";
export { verifyEd25519 } from "./trust/ed25519.ts";
