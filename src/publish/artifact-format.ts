// What kind of file an artifact is, by its first bytes and its name. Design: "Formats", format of custom.dchat.
// Must not: read more of a file than its first bytes.
import { open } from "node:fs/promises";
import { basename } from "node:path";
import type { PackageFormat, PackageType } from "../api.ts";
import { asUpdateError } from "../errors.ts";

const MAGIC_BYTES = 8;

const EXECUTABLE_MAGICS = [
  "7f454c46", // ELF
  "4d5a", // PE
  "feedface",
  "feedfacf",
  "cefaedfe",
  "cffaedfe", // Mach-O
  "cafebabe", // Mach-O for several processors
  "2321", // #!
];

/** @throws UpdateError E_IO */
export async function detectFileFormat(file: string, packageType: PackageType): Promise<PackageFormat> {
  try {
    const handle = await open(file, "r");
    try {
      const { bytesRead, buffer } = await handle.read(new Uint8Array(MAGIC_BYTES), 0, MAGIC_BYTES, 0);
      return detectFormat(buffer.subarray(0, bytesRead), basename(file), packageType);
    } finally {
      await handle.close();
    }
  } catch (e) {
    throw asUpdateError(e, "E_IO");
  }
}

/**
 * @param head the first bytes of the file
 * @param fileName as the maintainer called it
 */
export function detectFormat(head: Uint8Array, fileName: string, packageType: PackageType): PackageFormat {
  if (packageType !== "binary" && packageType !== "source") return "opaque"; // other tools open them, not we
  const hex = Array.from(head, (b) => b.toString(16).padStart(2, "0")).join("");
  if (hex.startsWith("1f8b") && /\.(tar\.gz|tgz)$/i.test(fileName)) return "tar.gz";
  if (hex.startsWith("28b52ffd") && /\.(tar\.zst|tzst)$/i.test(fileName)) return "tar.zst";
  if (hex.startsWith("504b0304") && /\.zip$/i.test(fileName)) return "zip";
  if (packageType === "binary" && EXECUTABLE_MAGICS.some((magic) => hex.startsWith(magic))) return "executable";
  return "opaque";
}

/** True for formats that hold files, one of which is the program. */
export function isArchive(format: PackageFormat): boolean {
  return format === "tar.gz" || format === "tar.zst" || format === "zip";
}
