// A service: its stages side by side, its automations, and its latest releases with where they are.

import { firstRollout, buttons } from "./stage_actions.js";
import { look } from "./api.js";
import { element } from "./dom.js";
import { to } from "./route.js";
import { rolloutItem } from "./rollout.js";
import { duration, moment, when } from "./time.js";
import { pill, renderPill, short, stateOf } from "./words.js";

const ROLLOUTS_SHOWN = 4;

export const load = (route) => look("service", { name: route.name, releases: route.releases });

export function view(service, route, refresh) {
  return {
    title: service.id,
    news: new Map(service.stages.map((stage) => [stage.target, sentence(stage)])),
    nodes: [
      element("nav", { class: "crumbs", "aria-label": "Where this is" }, element("a", { href: "#/" }, "Services")),
      element("h1", { tabindex: "-1" }, service.id),
      element("p", { class: "where" }, [service.project, service.location, service.description].filter(Boolean).join(" · ")),
      service.problem && element("p", { class: "banner bad" }, `Not ready: ${service.problem}`),
      service.suspended && element("p", { class: "banner hold" }, "Suspended: no release and no rollout is taken", told(service)),
      element("ol", { class: "stages", "aria-label": "Stages" }, service.stages.map((stage, at) => stageCard(service, stage, at, refresh))),
      automations(service),
      releases(service, route, refresh),
    ],
  };
}

function stageCard(service, stage, at, refresh) {
  const { running } = stage;
  return element("li", { class: "stage", "data-key": stage.target, "data-target": stage.target },
    element("h2", {}, stage.target),
    element("p", { class: "needs" }, !stage.exists ? "target is missing" : stage.requireApproval ? "after approval" : ""),
    element("div", { class: "running" },
      running ? element("a", { class: "runs", href: to(running.name) }, running.id)
        : element("span", { class: "runs quiet" }, stage.rollout ? "a release that is gone" : "nothing yet"),
      running && element("p", { class: "quiet" }, [running.author, running.subject].filter(Boolean).join(": ")),
      stage.since && element("p", { class: "quiet" }, "since ", when(stage.since)),
      stage.images.map((image) => element("p", { class: "mono image", title: image }, short_image(image)))),
    stage.freezes.map((freeze) => element("p", { class: "stop cold" }, pill(["cold", "frozen"]), " ", freezeText(freeze))),
    holdsOn(service, stage).map((hold) => element("p", { class: "stop hold" }, pill(["hold", "held"]), ` automation ${hold.id}`, told(hold))),
    element("div", { class: "actions" }, buttons(service, at, refresh)),
    stage.rollouts.length > 0 && element("ul", { class: "rollouts", "aria-label": `Rollouts to ${stage.target}` },
      stage.rollouts.slice(0, ROLLOUTS_SHOWN).map((rollout) => rolloutItem(service.name, rollout))));
}

const short_image = (image) => image.replace(/^.*\//, "").replace(/@(sha\d+:[0-9a-f]{12})[0-9a-f]+$/, "@$1");

function freezeText(freeze) {
  const what = freeze.actions.length ? freeze.actions.map((action) => action.toLowerCase().replaceAll("_", " ")).join(", ") : "everything";
  const end = freeze.until ? `until ${moment(freeze.until)}` : "with no end in sight";
  return `${what} ${end} by ${freeze.policy}${note(freeze.by, freeze.reason || freeze.description)}`;
}

const holdsOn = (service, stage) => service.automations.filter((each) => each.held && each.to.includes(stage.target));

/** Who did it, since when and why, as far as that is known. */
function told({ by, since, reason }) {
  return `${by ? ` by ${by}` : ""}${since ? ` since ${moment(since)}` : ""}${reason ? `: ${reason}` : ""}`;
}

const note = (by, reason) => `${by ? `, ${by}` : ""}${reason ? `: ${reason}` : ""}`;

function automations(service) {
  if (!service.automations.length) return "";
  return element("section", { "data-key": "automations", "aria-labelledby": "automations" },
    element("h2", { id: "automations" }, "Automations"),
    element("ul", { class: "plain" }, service.automations.map((automation) => element("li", { "data-key": automation.id },
      element("strong", {}, automation.id), " ", automation.held ? pill(["hold", "held"]) : pill(["good", "on"]),
      automation.held && told(automation),
      element("span", { class: "quiet block" }, automation.rules.map((rule) => ruleText(rule, automation)).join("; ")),
      automation.description && element("span", { class: "quiet block" }, automation.description)))),
    service.waiting.map((run) => element("p", { class: "banner busy" }, `${run.automation} takes ${run.release} from ${run.from} to ${run.to} `,
      when(run.until))));
}

function ruleText(rule, automation) {
  const from = automation.from.join(", ") || "no stage";
  const wait = rule.wait ? `${duration(rule.wait)} after success` : "at once after success";
  if (rule.kind === "promote_release") return `promotes from ${from} to ${automation.to.join(", ") || "no stage"}, ${wait}`;
  if (rule.kind === "timed_promote_release") return `promotes to ${automation.to.join(", ")} by the schedule ${rule.schedule} (${rule.timeZone})`;
  if (rule.kind === "advance_rollout") return `advances rollouts to ${from}, ${rule.wait ? `${duration(rule.wait)} after a phase` : "at once"}`;
  return `repairs rollouts to ${from} that failed`;
}

function releases(service, route, refresh) {
  if (!service.releases.length) return element("p", { class: "empty" }, "No release yet.");
  return element("section", { "data-key": "releases", "aria-labelledby": "releases" },
    element("h2", { id: "releases" }, "Latest releases"),
    element("ul", { class: "releases" }, service.releases.map((release) => releaseRow(service, release, refresh))),
    service.moreReleases && service.releases.length < 200 && element("p", { class: "pages" },
      element("a", { href: `${to(service.name)}?releases=${Math.min(route.releases + 50, 200)}`, "data-key": "more" }, "Show older releases")));
}

function releaseRow(service, release, refresh) {
  return element("li", { "data-key": release.name, "data-release": release.id },
    element("div", {}, element("a", { class: "runs", href: to(release.name) }, release.id),
      element("p", { class: "quiet" }, release.subject)),
    element("div", { class: "who" }, [release.author, release.releasedBy && release.releasedBy !== release.author && `released by ${release.releasedBy}`,
      short(release.commit), release.tag].filter(Boolean).map((text) => element("span", {}, text))),
    element("div", {}, (release.render !== "SUCCEEDED" || release.abandoned) && renderPill(release),
      release.places.map((place) => pill([stateOf(place.state)[0], `${place.state === "RUNNING" ? "" : `${stateOf(place.state)[1]}: `}${place.target}`])),
      release.failure && element("p", { class: "reason" }, release.failure)),
    element("div", { class: "since" }, when(release.created)),
    element("div", { class: "actions" }, firstRollout(service, release, refresh)));
}

function sentence(stage) {
  const [latest] = stage.rollouts;
  const runs = `${stage.target} runs ${stage.running?.id ?? "nothing"}`;
  return latest && latest.state !== "SUCCEEDED" ? `${runs}, ${latest.release} ${stateOf(latest.state)[1]}` : runs;
}
