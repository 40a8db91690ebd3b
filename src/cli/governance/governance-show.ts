// governance list and governance show: the schedule, and one certificate of it. Design: docs/governance.md.
// Must not: change anything, or ask anybody.
import { UpdateError } from "../../errors.ts";
import type { Certificate } from "../../trust/certificate.ts";
import type { TrustState } from "../../trust/client.ts";
import { switchObstacles } from "../../trust/effect.ts";
import { scheduleAlarms } from "../../trust/release-match.ts";
import { listReleases } from "../../trust/releases.ts";
import { evidenceOf, judgementOf, learnCertificate } from "../../trust/schedule.ts";
import type { Arguments, Command } from "../command.ts";
import type { Context } from "../context.ts";
import { currentHeight, HEIGHT_OPTION } from "../height-option.ts";
import { table } from "../output.ts";
import { ownPlatform } from "../own-platform.ts";
import { offlineClock } from "../session.ts";
import { type Place, PLACE_OPTIONS, readCertificateFile, withPlace } from "./governance-place.ts";
import { certificateJson, type CertificateView, statusWords, viewCertificate, whatItDoes } from "./governance-view.ts";

export const governanceListCommand: Command = {
  name: "governance list",
  summary: "the schedule: what is approved, what is being voted on, and evidence against governors",
  options: PLACE_OPTIONS,
  async run(c, a) {
    return await withPlace(c, a, (place) => {
      const { state } = place;
      const { epochs, head, bySequence } = judgementOf(state);
      const view = createView(c, state);
      const views = [...state.schedule.certificates.values()]
        .sort((x, y) => x.body.sequence - y.body.sequence || (x.sha256 < y.sha256 ? -1 : 1)).map(view);
      const rows = views.map((v) => {
        const { body, sha256 } = v.certificate;
        const height = body.kind === "activate" ? String(body.activationHeight) : "";
        return [String(body.sequence), sha256.slice(0, 12), whatItDoes(v.certificate), height, statusWords(v)];
      });
      const title = epochs.isGoverned
        ? `Schedule of network ${epochs.network}, ${
          bySequence.size === 0 ? "no certificate yet" : `up to certificate ${head}`
        }:`
        : "The trust root names no governors: release signatures alone decide";
      return Promise.resolve({
        lines: [
          c.out.line("package", title),
          ...(rows.length === 0 ? [] : table([["SEQ", "SHA-256", "WHAT", "HEIGHT", "STATUS"], ...rows])),
          ...troubleLines(c, state),
        ],
        json: {
          place: place.name,
          network: epochs.network ?? null,
          governed: epochs.isGoverned,
          head: bySequence.size === 0 ? null : head,
          certificates: views.map(certificateJson),
          ...troubleJson(c, state),
        },
      });
    });
  },
};

export const governanceShowCommand: Command = {
  name: "governance show",
  summary: "one certificate: who has voted, what is missing, when it would take effect",
  positionals: "[SEQUENCE|FILE]",
  options: {
    ...PLACE_OPTIONS,
    sha256: { type: "string", value: "HEX", help: "which one, when a sequence has several" },
    ...HEIGHT_OPTION,
  },
  async run(c, a) {
    const height = currentHeight(a);
    return await withPlace(c, a, async (place) => {
      const { state, certificate } = await choose(a, place);
      const v = createView(c, state)(certificate);
      return {
        lines: [...describe(c, v, height), ...troubleLines(c, state)],
        json: { place: place.name, certificate: certificateJson(v), ...troubleJson(c, state) },
      };
    });
  },
};

export function createView(c: Context, state: TrustState): (certificate: Certificate) => CertificateView {
  const { artifacts } = listReleases(state, offlineClock(c));
  const platform = ownPlatform();
  return (certificate) => viewCertificate(state, certificate, platform, artifacts);
}

/** A file's certificate with what is known of it here, or one of the place: by default what is newest. */
async function choose(a: Arguments, place: Place): Promise<{ state: TrustState; certificate: Certificate }> {
  const what = a.positionals[0];
  if (what !== undefined && !/^[0-9]{1,16}$/.test(what)) {
    const read = await readCertificateFile(what);
    const { state } = learnCertificate(place.state, read);
    return { state, certificate: state.schedule.certificates.get(read.sha256) ?? read };
  }
  const all = [...place.state.schedule.certificates.values()];
  const sequence = what === undefined ? Math.max(0, ...all.map((x) => x.body.sequence)) : Number(what);
  return { state: place.state, certificate: chooseOfSequence(place, sequence, a.string("sha256")) };
}

/** @throws UpdateError E_USAGE when there is none, or more than one */
export function chooseOfSequence({ state }: Place, sequence: number, sha256: string | undefined): Certificate {
  const found = [...state.schedule.certificates.values()].filter((x) =>
    x.body.sequence === sequence && (sha256 === undefined || x.sha256 === sha256.toLowerCase())
  );
  const [only, other] = found;
  if (only !== undefined && other === undefined) return only;
  if (only === undefined) {
    throw new UpdateError("E_USAGE", `there is no certificate ${sequence} here`, {
      hint: "see: dchat-update governance list",
    });
  }
  throw new UpdateError("E_USAGE", `there are ${found.length} certificates ${sequence}`, {
    hint: `say which one: ${found.map((x) => `--sha256 ${x.sha256}`).join(" or ")}`,
  });
}

/** Words for one certificate. */
export function describe(c: Context, v: CertificateView, height: number | undefined): string[] {
  const { body, sha256 } = v.certificate;
  const missing = v.required === undefined ? 0 : Math.max(0, v.required - v.weight);
  return [
    c.out.line("package", `Certificate ${body.sequence}: ${whatItDoes(v.certificate)}`),
    `   SHA-256 ${sha256}`,
    ...(body.title === undefined ? [] : [`   ${body.title}`]),
    ...(body.notesUrl === undefined ? [] : [`   ${body.notesUrl}`]),
    ...(body.kind === "cancel" ? [] : [
      `   from block ${body.activationHeight} on, switched ${
        body.switch === "at" ? "at that height" : `between ${body.switchFrom} and ${body.activationHeight - 1}`
      }${height === undefined ? "" : `, ${body.activationHeight - height} blocks from now`}`,
      ...[...body.targets].map(([path, t]) => `   ${path} (SHA-256 ${t.sha256})`),
    ]),
    `   status: ${statusWords(v)}`,
    ...(v.problem === undefined ? [] : [c.out.line("warning", v.problem)]),
    ...v.votes.map((x) => c.out.line("ok", `governor ${x.keyId}, weight ${x.weight}`)),
    ...v.notVoted.map((x) => `   not yet: governor ${x.keyId}, weight ${x.weight}`),
    v.required === undefined
      ? `   weight ${v.weight} of ${v.total}; what it needs is known once certificate ${body.sequence - 1} is here`
      : `   weight ${v.weight} of ${v.required} needed (all governors: ${v.total})${
        missing === 0 ? "" : `, ${missing} missing`
      }`,
    ...deadlineLines(v, height),
    ...(v.release === undefined ? [] : [`   release for this platform: ${RELEASE_WORDS[v.release]}`]),
  ];
}

const RELEASE_WORDS: Readonly<Record<NonNullable<CertificateView["release"]>, string>> = {
  latched: "is what was approved",
  matches: "is what was approved",
  "no-release": "not known yet",
  "no-target": "not approved: it takes another certificate",
  mismatch: "is not what was approved",
};

function deadlineLines(v: CertificateView, height: number | undefined): string[] {
  if (v.deadline === undefined || !["voting", "effective", "too-late"].includes(v.status)) return [];
  const left = height === undefined
    ? ""
    : height < v.deadline
    ? `, ${v.deadline - height} blocks from now`
    : ", which has passed";
  const seen = typeof v.seenHeight === "number" ? `, seen complete at ${v.seenHeight}` : "";
  return [`   has to be complete before block ${v.deadline}${left}${seen}`];
}

function troubleLines(c: Context, state: TrustState): string[] {
  return [
    ...switchObstacles(state).map((e) => c.out.line("alert", `${e.code}: ${e.message}; this node switches to nothing`)),
    ...scheduleAlarms(state, ownPlatform(), offlineClock(c))
      .map((e) => c.out.line("alert", `${e.code}: ${e.message}`)),
    ...evidenceOf(state).map((e) =>
      c.out.line(
        "alert",
        `governor ${e.keyId} has signed two certificates ${e.sequence}: ${e.certificates.join(" and ")}`,
      )
    ),
  ];
}

function troubleJson(c: Context, state: TrustState): Record<string, unknown> {
  const alarms = scheduleAlarms(state, ownPlatform(), offlineClock(c));
  return {
    evidence: evidenceOf(state),
    alarms: alarms.map((e) => ({ code: e.code, message: e.message })),
    obstacles: switchObstacles(state).map((e) => ({ code: e.code, message: e.message })),
  };
}
