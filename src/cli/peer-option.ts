// The addresses that --peer names. Design: docs/cli.md. Must not: connect to them.
import { MAX_PEERS } from "../config/config.ts";
import { UpdateError } from "../errors.ts";
import { requirePeerAddress } from "../gossip/peer-address.ts";

/** @throws UpdateError E_USAGE for what is no address of a node, and for too many */
export function requirePeers(addresses: readonly string[]): void {
  for (const address of addresses) requirePeerAddress(address, "--peer");
  if (addresses.length > MAX_PEERS) throw new UpdateError("E_USAGE", `at most ${MAX_PEERS} --peer`);
}
