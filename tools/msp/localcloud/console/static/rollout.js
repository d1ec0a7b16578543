// A rollout: its state, its phases with their jobs, and why it failed.

import { element } from "./dom.js";
import { to } from "./route.js";
import { when } from "./time.js";
import { causeOf, stateOf, statePill } from "./words.js";

/** A rollout in its stage's list; of several phases, a bar for each. */
export function rolloutItem(service, rollout) {
  return element("li", { "data-key": rollout.name },
    element("div", { class: "line" }, statePill(rollout.state), element("span", { class: "since" }, when(rollout.time))),
    element("a", { class: "of", href: to(`${service}/releases/${rollout.release}`) }, `${rollout.rollbackOf ? "↩ " : ""}${rollout.release}`),
    rollout.phases.length > 1 && phaseBar(rollout),
    rollout.failure && element("p", { class: "reason" }, rollout.failure));
}

function phaseBar(rollout) {
  return element("ol", { class: "phases", "aria-label": "Phases" },
    rollout.phases.map((phase) => element("li", { class: stateOf(phase.state)[0] }, `${phase.id}`,
      element("span", { class: "unseen" }, ` ${stateOf(phase.state)[1]}`))));
}

/** A rollout on its release's page, with every job. */
export function rolloutCard(rollout, actions) {
  return element("li", { class: "card", "data-key": rollout.name, "data-rollout": rollout.id },
    element("div", { class: "line" }, element("h3", {}, rollout.target), statePill(rollout.state)),
    element("p", { class: "quiet mono" }, rollout.id),
    element("p", { class: "quiet" }, "asked for ", when(rollout.created), rollout.started && [", began ", when(rollout.started)],
      rollout.ended && [", ended ", when(rollout.ended)], rollout.automation && ", by an automation"),
    rollout.rollbackOf && element("p", {}, `↩ rolls back ${rollout.rollbackOf.split("/")[7]}`),
    rollout.rolledBackBy.length > 0 && element("p", {}, `rolled back by ${rollout.rolledBackBy.map((name) => name.split("/")[7]).join(", ")}`),
    (rollout.reason || rollout.description) && element("p", {}, `${rollout.by ? `${rollout.by}: ` : ""}${rollout.reason || rollout.description}`),
    rollout.failure && element("p", { class: "reason" }, rollout.failure, rollout.cause && ` (${causeOf(rollout.cause)})`),
    element("ul", { class: "jobs", "aria-label": "Jobs" }, rollout.phases.flatMap((phase) => phase.jobs.map((job) => jobItem(rollout, phase, job)))),
    element("div", { class: "actions" }, actions));
}

function jobItem(rollout, phase, job) {
  const failed = job.failure && job.failure !== rollout.failure;
  return element("li", {}, statePill(job.state), " ", `${rollout.phases.length > 1 ? `${phase.id}: ` : ""}${job.id}`,
    (job.skipped || phase.skipped) && element("span", { class: "quiet" }, ` ${job.skipped || phase.skipped}`),
    job.cause && element("span", { class: "quiet" }, ` ${causeOf(job.cause)}`),
    failed && element("p", { class: "reason" }, job.failure));
}
