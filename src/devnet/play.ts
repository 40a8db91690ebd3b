// What to do with a devnet that stays: where everything is, and commands to paste. Design: docs/devnet.md.
// Must not: do anything.
import type { Network } from "./network.ts";
import { ENTRYPOINT } from "./release-files.ts";

export interface Toys {
  /** How the product is started. */
  readonly command: readonly string[];
  /** A version that is not released yet, and its file. */
  readonly version: string;
  readonly file: string;
}

/** More blocks than it takes to paste what comes before them. */
const BLOCKS_AHEAD = 100;

export function waysToPlay(n: Network, { command, version, file }: Toys): string[] {
  const at = (home: string) => `--home ${quoted(home)}`;
  const repo = `--repo ${quoted(n.repo)}`, proposal = quoted(`${n.folder}/proposal.json`);
  const release = `${quoted(n.repo)} ${quoted(file)} --version ${version} --platform ${n.platform}`;
  const publish = `dchat-update release publish ${quoted(n.repo)} --key ${quoted(n.key)}`;
  const tell = `dchat-update check ${at(n.maintainer.home)}`;
  return [
    "",
    `the network is in ${n.folder}`,
    `chain: ${n.chain}   mirror-a: ${n.honest}   mirror-b, which lies: ${n.liar}`,
    ...n.nodes.map(({ name, url, address }) => `${name}: ${url}   for peers: ${address}`),
    "",
    "to paste into another terminal:",
    `  alias dchat-update=${quoted(command.map(quoted).join(" "))}`,
    ...n.nodes.slice(0, 1).flatMap(({ home, url }) => [
      `  dchat-update status ${at(home)}`,
      `  dchat-update list-mirrors ${at(home)}`,
      `  curl -s ${url}`,
    ]),
    `  curl -s -d '{"produce":100}' ${n.chain}/orders`,
    "",
    `an upgrade to ${version}:`,
    `  dchat-update release add ${release} --entrypoint ${ENTRYPOINT}`,
    `  ${publish} && ${tell}`,
    `  height=$(curl -s ${n.chain}/status | sed 's/.*"height":\\([0-9]*\\).*/\\1/')`,
    `  dchat-update governance propose --version ${version} --height $((height + ${BLOCKS_AHEAD})) \\`,
    `    --current-height $height ${repo} --output ${proposal}`,
    ...n.governors.slice(0, 2).map(({ key }) =>
      `  dchat-update governance vote ${proposal} --key ${quoted(key)} ${repo} --current-height $height`
    ),
    `  ${publish} && ${tell}`,
    "",
  ];
}

const quoted = (text: string) => /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
