// Which failures of a background task are worth a person's time. Design: "The network half" of docs/activation.md.
// Must not: tell anybody.
import type { UpdateError } from "../../errors.ts";

/** Of what may pass by itself, so many in a row are borne. */
export const QUIET_FAILURES = 3;

/** Nobody having it for a moment is not worth a person's time; all else is. */
export const isLoud = (e: UpdateError): boolean => e.exitCode < 20 || e.exitCode >= 30;
