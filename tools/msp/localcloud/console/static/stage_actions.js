// What can be done on a stage, and the first rollout of a release.

import { actionButton } from "./dialog.js";
import * as plans from "./plans.js";

const WAITING = ["PENDING_APPROVAL", "PENDING", "PENDING_RELEASE"];

/** The buttons of a service's stage, the likeliest first. */
export function buttons(service, at, refresh) {
  const stage = service.stages[at];
  const made = [
    ...stage.asking.flatMap((rollout) => approvals(service, stage, rollout, stage.asking.length > 1, refresh)),
    ...retries(stage, stage.rollouts.slice(0, 1), refresh),
    ...underWay(stage, refresh),
  ];
  const following = service.stages[at + 1];
  const runs = stage.running?.id;
  if (runs && following && !isOnItsWay(following, runs)) {
    made.push(actionButton(`${stage.target} promote`, `Promote to ${following.target}`, `Promote ${runs} to ${following.target}`,
      () => plans.promote(service, runs, following), { primary: !made.length }, refresh));
  }
  if (stage.rollouts.some((rollout) => rollout.started)) {
    made.push(actionButton(`${stage.target} rollback`, "Roll back", `Roll back ${stage.target}`,
      () => plans.rollBack(service, stage), {}, refresh));
  }
  return made;
}

/** The button by which a release that was rolled out nowhere begins its way. */
export function firstRollout(service, release, refresh) {
  const [first] = service.stages;
  const untouched = !release.places.length && !service.stages.some((stage) => stage.rollouts.some((rollout) => rollout.release === release.id));
  // What is older than what runs there would be a way back, which its stage offers.
  const newest = service.releases.findIndex((each) => each.id === first?.running?.id);
  const isNew = newest < 0 || service.releases.indexOf(release) < newest;
  if (!first || !untouched || !isNew || release.abandoned || release.render === "FAILED") return "";
  return actionButton(`${release.name} release`, `Release to ${first.target}`, `Release ${release.id} to ${first.target}`,
    () => plans.promote(service, release.id, first), {}, refresh);
}

/** Approve and reject. */
export function approvals(service, stage, rollout, several, refresh) {
  const which = several ? ` ${rollout.release}` : "";
  return [
    actionButton(`${rollout.name} approve`, `Approve${which}`, `Approve ${rollout.release} for ${stage.target}`,
      () => plans.approve(service, stage, rollout), { primary: true }, refresh),
    actionButton(`${rollout.name} reject`, `Reject${which}`, `Reject ${rollout.release} for ${stage.target}`,
      () => plans.reject(service, stage, rollout), {}, refresh),
  ];
}

/** Another attempt at what failed. */
export function retries(stage, rollouts, refresh) {
  return rollouts.filter((rollout) => rollout.state === "FAILED").flatMap((rollout) => {
    const jobs = rollout.phases.flatMap((phase) => phase.jobs.map((job) => [phase, job]));
    const [phase, job] = jobs.find(([, each]) => each.canRetry) ?? [];
    return job ? [actionButton(`${rollout.name} retry`, "Retry", `Retry ${job.id} of ${rollout.release} on ${stage.target}`,
      () => plans.retry(stage, rollout, phase, job), { primary: true }, refresh)] : [];
  });
}

/** Advance and cancel, of a rollout that is under way. */
export function underWay(stage, refresh, rollouts = stage.rollouts) {
  return rollouts.filter((rollout) => rollout.state === "IN_PROGRESS").flatMap((rollout) => [
    ...(rollout.advance ? [actionButton(`${rollout.name} advance`, `Advance to ${rollout.advance}`,
      `Advance ${rollout.release} on ${stage.target} to ${rollout.advance}`, () => plans.advance(stage, rollout), { primary: true }, refresh)] : []),
    actionButton(`${rollout.name} cancel`, "Cancel", `Cancel the rollout of ${rollout.release} to ${stage.target}`,
      () => plans.cancel(stage, rollout), {}, refresh),
  ]);
}

/** Whether a release runs on a stage, or a rollout brings it there. */
export function isOnItsWay(stage, release) {
  const coming = [...stage.rollouts, ...stage.asking].some((rollout) => rollout.release === release
    && (rollout.state === "IN_PROGRESS" || WAITING.includes(rollout.state)));
  return coming || stage.running?.id === release;
}
