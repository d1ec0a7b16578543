// What an action would do, worked out before anybody is asked: what goes to what, what comes with it, what forbids it.
//
// A plan is `{title, moves: [{target, from, to, note}], notes, warnings, refusal, yes, reason, act}`; `act` does it by the
// same calls as every other client, and `refusal` is why the local cloud would not.

import { post } from "./api.js";
import { count } from "./words.js";

const ID_LENGTH = 63;

/** A release into a stage. */
export async function promote(service, releaseId, stage) {
  const from = stage.running?.id ?? "";
  const { notes, warnings } = between(service, from, releaseId);
  const rollOut = (body, validateOnly) => withFreeId(releaseId, stage.target, (id) => post(
    `${service.name}/releases/${releaseId}/rollouts?rolloutId=${id}${validateOnly ? "&validateOnly=true" : ""}`, { targetId: stage.target, ...body }));
  return {
    title: from ? `Promote ${releaseId} to ${stage.target}?` : `Release ${releaseId} to ${stage.target}?`,
    moves: [{ target: stage.target, from, to: releaseId, note: stage.requireApproval ? "after an approval" : "" }],
    notes, warnings: [...warnings, ...stops(service, stage)],
    refusal: await refusal(() => rollOut({}, true)),
    yes: from ? "Promote" : "Release", reason: true,
    act: (reason) => rollOut(said(reason), false),
  };
}

/** The approval of a rollout that waits for it. */
export function approve(service, stage, rollout) {
  const from = stage.running?.id ?? "";
  const { notes, warnings } = between(service, from, rollout.release);
  const others = stage.asking.filter((each) => each.name !== rollout.name).map((each) => `${each.release} waits for ${stage.target}, too.`);
  return {
    title: `Approve ${rollout.release} for ${stage.target}?`,
    moves: [{ target: stage.target, from, to: rollout.release, note: "" }],
    notes, warnings: [...warnings, ...others, ...stops(service, stage)], yes: "Approve",
    act: () => post(`${rollout.name}:approve`, { approved: true }),
  };
}

/** The rejection of a rollout that waits for an approval. */
export function reject(service, stage, rollout) {
  return {
    title: `Reject ${rollout.release} for ${stage.target}?`,
    moves: [{ target: stage.target, from: stage.running?.id ?? "", to: stage.running?.id ?? "", note: "stays as it is" }],
    notes: ["This rollout ends for good; the release can be promoted again."], warnings: [], yes: "Reject", danger: true,
    act: () => post(`${rollout.name}:approve`, { approved: false }),
  };
}

/** The way back of a stage: to the last good release, which the local cloud names, or to the release that is given. */
export async function rollBack(service, stage, releaseId = "") {
  const call = (body) => post(`${service.name}:rollbackTarget`, { targetId: stage.target, ...body });
  const plan = { title: `Roll ${stage.target} back?`, moves: [], notes: [], warnings: [], yes: "Roll back", reason: true, danger: true };
  let found;
  try {
    const rehearsal = { rolloutId: `rollback-${Date.now().toString(36)}`, validateOnly: true, ...(releaseId && { releaseId }) };
    found = (await call(rehearsal)).rollbackConfig.rollout;
  } catch (error) {
    return { ...plan, refusal: error.message };
  }
  const to = releaseOf(found.name);
  const off = releaseOf(found.rollbackOfRollout);
  const { comes } = between(service, to, off);
  const held = service.automations.filter((each) => !each.held && each.to.includes(stage.target));
  return {
    ...plan,
    title: `Roll ${stage.target} back to ${to}?`,
    moves: [{ target: stage.target, from: off, to, note: rolloutsBack(stage, found.rollbackOfRollout, to) }],
    notes: comes.length ? [`Takes back ${count(comes.length, "release")}:`, comes] : [],
    warnings: held.map((each) => `The automation ${each.id} goes on promoting into ${stage.target}.`),
    // Whoever was quicker has changed what is rolled back: then this is refused, and nothing happens twice.
    act: (reason) => withFreeId(to, stage.target, (rolloutId) => call({
      rolloutId, releaseId: to, rolloutToRollBack: found.rollbackOfRollout, rollbackConfig: { rollout: said(reason) } })),
  };
}

/** Another attempt at the job by which a rollout failed. */
export function retry(stage, rollout, phase, job) {
  return {
    title: `Retry ${job.id} of ${rollout.release} on ${stage.target}?`,
    moves: [{ target: stage.target, from: stage.running?.id ?? "", to: rollout.release, note: `${job.id} runs again` }],
    notes: [rollout.failure].filter(Boolean), warnings: [], yes: "Retry",
    act: () => post(`${rollout.name}:retryJob`, { phaseId: phase.id, jobId: job.id }),
  };
}

/** The next phase of a rollout that has ended one. */
export function advance(stage, rollout) {
  return {
    title: `Advance ${rollout.release} on ${stage.target} to ${rollout.advance}?`,
    moves: [{ target: stage.target, from: stage.running?.id ?? "", to: rollout.release, note: `phase ${rollout.advance}` }],
    notes: [], warnings: [], yes: "Advance",
    act: () => post(`${rollout.name}:advance`, { phaseId: rollout.advance }),
  };
}

/** The end of a rollout that waits or is under way. */
export function cancel(stage, rollout) {
  return {
    title: `Cancel the rollout of ${rollout.release} to ${stage.target}?`,
    moves: [], notes: ["What was deployed by it already stays deployed."], warnings: [], yes: "Cancel the rollout", danger: true,
    act: () => post(`${rollout.name}:cancel`, {}),
  };
}

/** The releases that come after one up to another, and what is odd about going there. */
function between(service, from, to) {
  const ids = service.releases.map((release) => release.id);
  const [start, end] = [ids.indexOf(from), ids.indexOf(to)];
  if (from && from === to) return { comes: [], notes: [], warnings: [`${to} runs there already: it is deployed again.`] };
  if (start < 0 || end < 0) return { comes: [], notes: [], warnings: [] };
  if (end > start) return { comes: [], notes: [], warnings: [`${to} is older than ${from}: this puts the stage back.`] };
  const comes = service.releases.slice(end, start);
  return { comes, notes: [`Brings ${count(comes.length, "release")}:`, comes], warnings: [] };
}

function rolloutsBack(stage, offName, to) {
  const names = stage.rollouts.map((rollout) => rollout.name);
  const off = names.indexOf(offName);
  const back = stage.rollouts.findIndex((rollout, at) => at > off && rollout.release === to && rollout.state === "SUCCEEDED");
  return off >= 0 && back > off ? `${count(back - off, "rollout")} back` : "";
}

const stops = (service, stage) => [
  ...stage.freezes.map((freeze) => `${stage.target} is frozen by the policy ${freeze.policy}.`),
  ...(service.suspended ? [`${service.id} is suspended.`] : []),
];

/** Why a call would be refused; empty when it would not. */
async function refusal(call) {
  try {
    await call();
    return "";
  } catch (error) {
    return error.message;
  }
}

const said = (reason) => (reason ? { description: reason.slice(0, 255), annotations: { reason } } : {});

const releaseOf = (rollout) => rollout.split("/")[7];

/** Calls with the first rollout id that is not taken, in gcloud's way of naming rollouts. */
async function withFreeId(release, target, call) {
  for (let number = 1; ; number++) {
    const suffix = `-to-${target}-${String(number).padStart(4, "0")}`;
    try {
      return await call(`${release.slice(0, Math.max(ID_LENGTH - suffix.length, 1))}${suffix}`.slice(0, ID_LENGTH));
    } catch (error) {
      if (error.status !== "ALREADY_EXISTS" || number === 999) throw error;
    }
  }
}
