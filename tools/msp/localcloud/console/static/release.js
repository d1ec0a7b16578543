// A release: its commit, image and parameters, how it was rendered, and its rollouts.

import { look } from "./api.js";
import { element } from "./dom.js";
import { image } from "./image.js";
import { promotions, rolloutButtons } from "./release_actions.js";
import { rolloutCard } from "./rollout.js";
import { to } from "./route.js";
import { when } from "./time.js";
import { pill, renderPill, stateOf } from "./words.js";

/** The release, and the service whose stages it can be promoted to. */
export async function load(route) {
  const [release, service] = await Promise.all([
    look("release", { name: route.name }),
    look("service", { name: route.service, releases: 200 }),
  ]);
  return { ...release, of: service };
}

export function view(release, route, refresh) {
  return {
    title: release.id,
    news: new Map(release.rollouts.map((rollout) => [rollout.name, `${rollout.target}: ${stateOf(rollout.state)[1]}`])),
    nodes: [
      element("nav", { class: "crumbs", "aria-label": "Where this is" }, element("a", { href: "#/" }, "Services"), " / ",
        element("a", { href: to(route.service) }, release.service)),
      element("h1", { tabindex: "-1" }, release.id),
      element("p", { class: "places" }, renderPill(release), release.places.map((place) => pill([stateOf(place.state)[0],
        `${place.state === "RUNNING" ? "runs in " : `${stateOf(place.state)[1]}: `}${place.target}`]))),
      release.subject && element("p", { class: "subject" }, release.subject),
      element("div", { class: "actions" }, promotions(release, refresh)),
      element("div", { class: "columns" },
        section("Release", facts(release)),
        section("Image", release.images.length ? release.images.map(image) : element("p", { class: "quiet" }, "It names no image.")),
        section("Rendering", element("ul", { class: "jobs" }, release.renders.map((render) => element("li", {}, pill(
          stateOf(render.state)), " ", render.target, render.failure && element("p", { class: "reason" }, render.failure))))),
        section("Deploy parameters", pairs(release.parameters)),
        section("Labels and annotations", pairs({ ...release.labels, ...release.annotations }))),
      element("section", { "data-key": "rollouts", "aria-label": "Rollouts" }, element("h2", {}, "Rollouts"),
        release.rollouts.length
          ? element("ul", { class: "cards" }, release.rollouts.map((rollout) => rolloutCard(rollout, rolloutButtons(release, rollout, refresh))))
          : element("p", { class: "quiet" }, "It has been rolled out nowhere yet.")),
    ],
  };
}

function section(title, ...content) {
  return element("section", { class: "card", "data-key": title, "aria-label": title }, element("h2", {}, title), ...content);
}

function facts(release) {
  const build = release.buildNumber ? `build ${release.buildNumber}` : "build";
  return list([
    ["Created", when(release.created)],
    ["Commit", release.commit && element("span", { class: "mono" }, release.commit)],
    ["Branch", release.branch],
    ["Author", release.author],
    ["Released by", release.releasedBy],
    ["Build", release.buildUrl ? element("a", { href: release.buildUrl, rel: "noopener noreferrer" }, build) : release.buildNumber],
    ["Description", release.description],
    ["Source", release.source && element("span", { class: "mono" }, release.source)],
  ]);
}

function pairs(values) {
  const entries = Object.entries(values);
  if (!entries.length) return element("p", { class: "quiet" }, "None.");
  return list(entries.map(([name, value]) => [name, element("span", { class: "mono" }, value || "(empty)")]));
}

const list = (entries) => element("dl", {}, entries.filter(([, value]) => value).map(([name, value]) => [
  element("dt", {}, name), element("dd", {}, value)]));
