/** The input of the official BLAKE3 vectors: 0, 1, …, 250, 0, 1, … */
export const sequence = (length: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length }, (_, i) => i % 251);
