// Stands for Promise.withResolvers in the bundle: Node 20 has none, and the product changes no global object.
// Design: "One bundled file" of docs/architecture.md. Must not: be imported; build.ts puts it where it is called.

/** As the standard's own. */
export function withResolvers<T>(): PromiseWithResolvers<T> {
  let settle: Omit<PromiseWithResolvers<T>, "promise"> | undefined;
  const promise = new Promise<T>((resolve, reject) => settle = { resolve, reject });
  if (settle === undefined) throw new Error("a promise did not call its executor");
  return { promise, ...settle as Omit<PromiseWithResolvers<T>, "promise"> }; // narrowed to never: set in the callback
}
