// What to do with a devnet that stays: where everything is, and commands to paste. Design: docs/devnet.md. Pure.
import type { Network } from "./network.ts";

/** @param command how the product is started */
export function waysToPlay(n: Network, command: readonly string[]): string[] {
  const [node] = n.nodes, [governor] = n.governors;
  const at = (home: string | undefined) => `--home ${quoted(home ?? "")}`;
  return [
    "",
    `the network is in ${n.folder}, its repository in repo/, a home for each node, governor and the maintainer beside it`,
    `chain: ${n.chain}   mirror-a: ${n.honest}   mirror-b, which lies: ${n.liar}`,
    ...n.nodes.map(({ name, url, address }) => `${name}: ${url}   peers: ${address}`),
    "",
    "to paste into another terminal:",
    `  alias dchat-update=${quoted(command.map(quoted).join(" "))}`,
    `  dchat-update status ${at(node?.home)}`,
    `  dchat-update list-mirrors ${at(node?.home)}`,
    `  dchat-update alerts ${at(node?.home)}`,
    `  dchat-update governance list --repo ${quoted(n.repo)}`,
    `  dchat-update governance vote PROPOSAL --key ${quoted(governor?.key ?? "")} ${at(governor?.home)}`,
    `  curl -s ${node?.url}`,
    `  curl -s -d '{"produce":100}' ${n.chain}/orders`,
    "",
  ];
}

const quoted = (text: string) => /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
