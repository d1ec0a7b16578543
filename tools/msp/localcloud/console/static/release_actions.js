// What can be done with a release: the next stage of its way, the way back to it, and what its rollouts wait for.

import { actionButton } from "./dialog.js";
import * as plans from "./plans.js";
import { approvals, isOnItsWay, retries, underWay } from "./stage_actions.js";

/** Promotion to the stage after its furthest, and the way back to it where it ran before. */
export function promotions(release, refresh) {
  const service = release.of;
  const been = (stage) => release.rollouts.some((rollout) => rollout.target === stage.target && rollout.state === "SUCCEEDED");
  const next = service.stages[service.stages.findLastIndex(been) + 1];
  const made = [];
  if (next && !isOnItsWay(next, release.id) && !release.abandoned && release.render !== "FAILED") {
    made.push(actionButton(`${next.target} promote`, `Promote to ${next.target}`, `Promote ${release.id} to ${next.target}`,
      () => plans.promote(service, release.id, next), { primary: true }, refresh));
  }
  if (release.abandoned) return made;
  const back = service.stages.filter((stage) => been(stage) && stage.running && !isOnItsWay(stage, release.id));
  return made.concat(back.map((stage) => actionButton(`${stage.target} back`, `Roll ${stage.target} back to this`,
    `Roll ${stage.target} back to ${release.id}`, () => plans.rollBack(service, stage, release.id), {}, refresh)));
}

/** What a rollout of a release waits for. */
export function rolloutButtons(release, rollout, refresh) {
  const stage = release.of.stages.find((each) => each.target === rollout.target);
  if (!stage) return [];
  const asks = stage.asking.some((each) => each.name === rollout.name);
  return [
    ...(asks ? approvals(release.of, stage, rollout, false, refresh) : []),
    ...retries(stage, stage.rollouts[0]?.name === rollout.name ? [rollout] : [], refresh),
    ...underWay(stage, refresh, [rollout]),
  ];
}
