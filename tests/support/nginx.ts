// Debian's nginx over a folder, as most mirrors are: sendfile, ranges, kept-alive connections, its own master process.
// Must not: touch anything of an nginx that the system runs; all its files are in a temporary folder.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { SERVER_TLS, unusedPort } from "./http-server.ts";
import { tempFolder } from "./temp-folder.ts";
import { until } from "./until.ts";

export interface Nginx {
  readonly url: string;
  /** The same by https, over HTTP/1.1 or HTTP/2. */
  readonly tlsUrl: string;
  stop(): Promise<void>;
}

/** A folder served by nginx; undefined where there is none. */
export async function startNginx(folder: string): Promise<Nginx | undefined> {
  // Debian has it where only administrators look.
  const program = ["nginx", "/usr/sbin/nginx"].find((name) => spawnSync(name, ["-v"]).error === undefined);
  if (program === undefined) return undefined;
  const own = tempFolder("nginx");
  const [port, tlsPort] = [await unusedPort(), await unusedPort()];
  const config = join(own, "nginx.conf");
  writeFileSync(config, configuration(folder, own, port, tlsPort));
  const child = spawn(program, ["-p", own, "-c", config, "-e", "stderr"], { stdio: ["ignore", "ignore", "inherit"] });
  const url = `http://127.0.0.1:${port}`;
  let answers = false;
  await until("nginx listens", () => {
    if (hasEnded(child)) throw new Error(`${program} did not start`);
    const socket = connect(port, "127.0.0.1", () => {
      answers = true;
      socket.destroy();
    }).on("error", () => {}); // not yet
    return answers;
  });
  return {
    url,
    tlsUrl: `https://127.0.0.1:${tlsPort}`,
    async stop() {
      if (!hasEnded(child)) {
        const gone = once(child, "exit");
        child.kill();
        await gone;
      }
      rmSync(own, { recursive: true, force: true });
    },
  };
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

function configuration(folder: string, own: string, port: number, tlsPort: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((what) => `${what}_temp_path ${join(own, what)};`);
  return `
daemon off;
${process.getuid?.() === 0 ? "user root;" : "" /* the folder is this user's alone */}
worker_processes 1;
pid ${join(own, "pid")};
error_log stderr crit;
events { worker_connections 256; }
http {
  ${temporary.join("\n  ")}
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  default_type application/octet-stream;
  server {
    listen 127.0.0.1:${port};
    listen 127.0.0.1:${tlsPort} ssl http2;
    ssl_certificate "${SERVER_TLS.cert}";
    ssl_certificate_key "${SERVER_TLS.key}";
    root "${folder}";
  }
}
`;
}
