// A port for a server in another process. Somebody else may take it before that one does. Must not: hold it.
import { createServer } from "node:net";

/** Below those that systems give to outgoing connections, of which a test run has thousands: nobody gets it by chance. */
const FIRST_PORT = 10_000, PORTS = 20_000;

/** Of 127.0.0.1. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
      .once("error", (e: NodeJS.ErrnoException) => e.code === "EADDRINUSE" ? resolve(false) : reject(e))
      .listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
