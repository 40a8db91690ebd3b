// What systemd reads in a unit that is printed: systemd.syntax(7), systemd.service(5), systemd.exec(5).
import assert from "node:assert/strict";
import { test } from "node:test";
import { daemonUnit, nodeUnit } from "../../../src/cli/systemd-unit.ts";
import { fails } from "../../support/fails.ts";

const place = { home: "/srv/dchat", env: {}, folder: undefined };

/** Seen with `systemd-analyze verify`, which names what it reads where that is no absolute path. */
test("a dollar sign is doubled in a command line alone, a percent sign everywhere", () => {
  const odd = `/srv/$x %h "q" \\`;
  const unit = daemonUnit(["/bin/dchat", odd], { home: odd, env: { NO_PROXY: odd }, folder: "/srv/$x %h" });
  const lines = ["ExecStart", "ReadWritePaths", "Environment", "WorkingDirectory"].map((name) =>
    unit.find((line) => line.startsWith(`${name}=`))
  );
  assert.deepEqual(lines, [
    String.raw`ExecStart=/bin/dchat "/srv/$$x %%h \"q\" \\"`,
    String.raw`ReadWritePaths="-/srv/$x %%h \"q\" \\"`,
    String.raw`Environment="NO_PROXY=/srv/$x %%h \"q\" \\"`,
    "WorkingDirectory=-/srv/$x %%h",
  ]);
});

test("what would be another line, or join two, is refused", () => {
  for (const folder of ["/srv/a\nUser=root", "/srv/a\\", "/srv/a "]) {
    assert.throws(() => nodeUnit(["/bin/dchat"], { ...place, folder }, 50), fails("E_USAGE", "cannot stand in a unit"));
  }
  assert.throws(() => daemonUnit(["/bin/a\nb"], place), fails("E_USAGE"));
  assert.throws(() => daemonUnit(["/bin/a"], { ...place, env: { HTTP_PROXY: "a\nb" } }), fails("E_USAGE"));
});

test("a daemon that is one too many is not started again, a node is", () => {
  const of = (unit: readonly string[]) => unit.find((line) => line.startsWith("RestartPreventExitStatus="));
  assert.equal(of(daemonUnit(["/bin/dchat"], place)), "RestartPreventExitStatus=2 42 43 44");
  assert.equal(of(nodeUnit(["/bin/dchat"], place, 50)), "RestartPreventExitStatus=2 43 44 46");
});
