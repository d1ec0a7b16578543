// States and marks in words, each with the kind by which it is coloured.

import { element } from "./dom.js";

const ROLLOUTS = {
  SUCCEEDED: ["good", "succeeded"], FAILED: ["bad", "failed"], IN_PROGRESS: ["busy", "in progress"],
  PENDING_APPROVAL: ["ask", "needs approval"], APPROVAL_REJECTED: ["still", "rejected"], PENDING: ["still", "queued"],
  PENDING_RELEASE: ["busy", "waits for rendering"], CANCELLING: ["busy", "cancelling"],
  CANCELLED: ["still", "cancelled"], HALTED: ["still", "halted"], RUNNING: ["good", "runs"],
  SKIPPED: ["still", "skipped"], ABORTED: ["still", "aborted"], IGNORED: ["still", "ignored"],
};
const RENDERS = { SUCCEEDED: ["good", "rendered"], FAILED: ["bad", "render failed"], IN_PROGRESS: ["busy", "rendering"] };

/** What is to be known of a service or a stage: kind, words, and the label of its filter. */
export const MARKS = {
  failed: ["bad", "failed", "Failed"],
  problem: ["bad", "not ready", "Not ready"],
  render: ["bad", "render failed", "Render failed"],
  approval: ["ask", "needs approval", "Needs approval"],
  advance: ["ask", "waits to advance", "Waits to advance"],
  busy: ["busy", "in progress", "In progress"],
  queued: ["still", "queued", "Queued"],
  held: ["hold", "held", "Held"],
  frozen: ["cold", "frozen", "Frozen"],
  suspended: ["hold", "suspended", "Suspended"],
};

const CAUSES = {
  EXECUTION_FAILED: "the job failed", DEADLINE_EXCEEDED: "it took too long", CLOUD_BUILD_UNAVAILABLE: "the builder can't be reached",
  RELEASE_FAILED: "the release failed to render", RELEASE_ABANDONED: "the release was abandoned",
  VERIFICATION_CONFIG_NOT_FOUND: "there is nothing to verify by", DEPLOY_FEATURE_NOT_SUPPORTED: "the deploy can't do this",
};

/** A state or mark as a small label. */
export const pill = ([kind, text], ...more) => element("span", { class: `pill ${kind}` }, text, ...more);

/** A rollout's, phase's or job's state as a label. */
export const statePill = (state) => pill(stateOf(state));

/** A rollout's, phase's or job's state: kind and words. */
export const stateOf = (state) => ROLLOUTS[state] ?? ["still", state.toLowerCase().replaceAll("_", " ")];

/** How rendering stands, as a label. */
export const renderPill = (release) => pill(release.abandoned ? ["still", "abandoned"] : RENDERS[release.render] ?? ["still", release.render]);

/** Why something failed, in words: Cloud Deploy's cause. */
export const causeOf = (cause) => CAUSES[cause] ?? cause.toLowerCase().replaceAll("_", " ");

/** A number and its noun: `1 rollout`, `2 rollouts`. */
export const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

/** The first twelve characters of a commit or of a digest's hash. */
export const short = (hash) => hash.replace(/^(sha\d+:)?([0-9a-f]{12})[0-9a-f]+$/, "$1$2");

/** A number of bytes: `1.4 MB`. */
export function bytes(number) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  for (; number >= 999.5 && at < units.length - 1; at++) number /= 1000;
  return `${number < 10 && at ? number.toFixed(1) : Math.round(number)} ${units[at]}`;
}
