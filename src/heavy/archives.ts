// The libraries that read archives. Design: "One bundled file" of docs/architecture.md: they stand compressed in the
// bundled file. Must not: import anything of src/; be imported other than by `import()` in this folder.
export { Decompress } from "fzstd";
export { extract, pack } from "tar-stream";
export { open } from "yauzl";
