// alerts: what was refused, and from whom. Design: docs/cli.md. Must not: forget one that nobody has acknowledged.
import { acknowledgeAlerts, openAlerts } from "../config/alerts.ts";
import { homeAt } from "../config/home.ts";
import type { Command } from "./command.ts";

export const alertsCommand: Command = {
  name: "alerts",
  summary: "show what was refused, and from whom",
  options: { ack: { type: "boolean", help: "acknowledge them: check stops showing them" } },
  async run(c, a) {
    const home = homeAt(c.home);
    const alerts = a.flag("ack") ? await acknowledgeAlerts(home) : await openAlerts(home); // shows just what it sets aside
    const acknowledged = a.flag("ack") ? alerts.length : 0;
    return {
      lines: [
        ...alerts.map((x) => `${x.time}  ${x.source}  ${x.what}  ${x.code}  ${x.message}`),
        ...(alerts.length === 0 ? ["no open alerts"] : []),
        ...(acknowledged > 0 ? [c.out.line("ok", `${acknowledged} acknowledged`)] : []),
      ],
      json: { alerts, acknowledged },
    };
  },
};
