// init: pins the trust root and writes the first configuration. Design: docs/cli.md.
// Must not: trust a root it was not told to, by file or by digest (or that the file was built with).
import { changeConfig, DEFAULT_CONFIG, DEFAULT_PRIORITY, type MirrorEntry } from "../config/config.ts";
import { createHome, homeAt } from "../config/home.ts";
import { createHomeTrustStore } from "../config/trust-store.ts";
import { AllSourcesFailedError, asUpdateError, type FailedAttempt, UpdateError } from "../errors.ts";
import { pinRoot, type TrustState } from "../trust/client.ts";
import { sha256Hex } from "../trust/hex.ts";
import { MAX_METADATA_BYTES } from "../trust/metadata.ts";
import { networkOf } from "../trust/x-dchat.ts";
import { type Arguments, type Command, NETWORK_OPTIONS } from "./command.ts";
import type { Context } from "./context.ts";
import { mirrorJson } from "./known-mirrors.ts";
import { checkMirrorUrl } from "./mirrors.ts";
import { choosePin } from "./pin.ts";
import { metadataMirrors, withHttp } from "./session.ts";

/** Roots looked at for a digest given with --root-sha256: a pin older than these is a reason to ask for a newer one. */
const MAX_ROOTS_SEARCHED = 64;

export const initCommand: Command = {
  name: "init",
  summary: "pin the trust root and write the configuration",
  options: {
    repo: { type: "string", value: "URL", multiple: true, help: "a mirror of the release repository" },
    root: { type: "string", value: "FILE", help: "the trust root, got by a way you trust" },
    "root-sha256": { type: "string", value: "HEX", help: "the digest of a root the mirror has" },
    region: { type: "string", value: "R", help: "where this node is: mirrors of that region are asked first" },
    force: { type: "boolean", help: "replace an existing pin" },
    ...NETWORK_OPTIONS,
  },
  async run(c, a) {
    const mirrors: MirrorEntry[] = a.strings("repo").length === 0
      ? [...DEFAULT_CONFIG.mirrors]
      : a.strings("repo").map((url) => ({
        url: checkMirrorUrl(url, "https", a.flag("allow-insecure")),
        type: "https",
        priority: DEFAULT_PRIORITY,
      }));
    if (mirrors.length === 0) {
      throw new UpdateError("E_USAGE", "--repo is missing", { hint: "init --repo URL --root FILE" });
    }
    const home = homeAt(c.home);
    const store = createHomeTrustStore(home.trustFile);
    const pinned = await choosePin(a, (sha256) => findRoot(c, a, mirrors, sha256));
    if (pinned === undefined) {
      throw new UpdateError("E_USAGE", "a trust root is needed: --root FILE or --root-sha256 HEX", {
        hint: "get the root or its digest from the project by a way you trust; a mirror's word is not enough",
      });
    }
    const network = networkOf(pinned.root.signed);
    await createHome(home);
    const existing = a.flag("force") ? undefined : await store.load();
    const known = existing?.rootChain.some((r) => sha256Hex(r) === sha256Hex(pinned.root.envelope.bytes)) ?? false;
    if (existing !== undefined && !known) {
      throw new UpdateError("E_USAGE", `${home.dir} already trusts another root`, {
        hint: "choose another --home, or replace the pin with --force",
      });
    }
    if (a.flag("force")) await store.replace(pinned, c);
    else if (existing === undefined) await store.save(pinned, "complete", c);
    const config = await changeConfig(home, c, (old) => ({
      ...old,
      network,
      region: a.string("region") ?? old.region,
      mirrors: [...old.mirrors, ...mirrors.filter((m) => !old.mirrors.some((o) => o.url === m.url))],
    }));
    const { version } = pinned.root.signed;
    const sha256 = sha256Hex(pinned.root.envelope.bytes);
    return {
      lines: [
        c.out.line("ok", `Trust root pinned: network ${network}, root version ${version}`),
        `   SHA-256 ${sha256}`,
        `   home ${home.dir}, ${config.mirrors.length} mirror${config.mirrors.length === 1 ? "" : "s"}`,
        "   next: dchat-update check",
      ],
      json: { home: home.dir, network, root: { version, sha256 }, mirrors: config.mirrors.map(mirrorJson) },
    };
  },
};

async function findRoot(
  c: Context,
  a: Arguments,
  mirrors: readonly MirrorEntry[],
  sha256: string,
): Promise<TrustState> {
  return await withHttp(c, a, async (client) => {
    const failed: FailedAttempt[] = [];
    for (const mirror of metadataMirrors(mirrors, client)) {
      try {
        for (let version = 1; version <= MAX_ROOTS_SEARCHED; version++) {
          const bytes = await mirror.fetch(`metadata/${version}.root.json`, MAX_METADATA_BYTES.root, c);
          if (sha256Hex(bytes) === sha256) return pinRoot(bytes, sha256);
        }
        throw new UpdateError("E_HASH_MISMATCH", `none of its ${MAX_ROOTS_SEARCHED} oldest roots has that digest`);
      } catch (e) {
        const error = asUpdateError(e);
        if (error.retry !== "elsewhere") throw error;
        const ended = error.code === "E_ABSENT";
        const why = new UpdateError("E_HASH_MISMATCH", "none of its roots has that digest", { cause: error });
        failed.push({ source: mirror.id, error: ended ? why : error });
      }
    }
    throw new AllSourcesFailedError(`no root with SHA-256 ${sha256} was found`, failed);
  });
}
