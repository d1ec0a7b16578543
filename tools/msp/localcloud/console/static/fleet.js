// The fleet: a row for each service, those that need a person first, with a search and filters.

import { look } from "./api.js";
import { element } from "./dom.js";
import { here, to, toFleet } from "./route.js";
import { when } from "./time.js";
import { MARKS, count, pill, short } from "./words.js";

const SEARCH_AFTER_MS = 150;
let typing = 0;

export const load = (route) => look("overview", { q: route.q, show: route.show, page: route.number });

export function view(fleet, route) {
  if (!fleet.total) return { nodes: [element("h1", { tabindex: "-1" }, "Services"), empty()] };
  const person = fleet.services.filter((service) => service.needsPerson);
  const others = fleet.services.filter((service) => !service.needsPerson);
  return {
    news: new Map(fleet.services.flatMap(sentences)),
    nodes: [
      element("h1", { tabindex: "-1" }, "Services"),
      search(route),
      filters(fleet, route),
      element("p", { class: "found", role: "status" }, found(fleet, route)),
      list("Needs a person", person),
      list(person.length ? "All others" : "", others),
      pages(fleet, route),
    ],
  };
}

/** Has the search show what was looked for, when the address was changed by other means than typing. */
export function shown(route) {
  const box = document.getElementById("search");
  if (box && box !== document.activeElement) box.value = route.q;
}

function empty() {
  return element("p", { class: "empty" }, "No delivery pipeline yet. Make one with ", element("code", {}, "gcloud deploy apply"),
    " or ", element("code", {}, `bazel run //svc:msp_deploy.pipeline.apply -- --local_cloud=${location.host}`), ".");
}

function search(route) {
  const go = (event) => {
    clearTimeout(typing);
    const q = event.target.value.trim();
    typing = setTimeout(() => {
      const address = toFleet({ ...here(), q, number: 1 });
      if (here().page === "fleet" && address !== location.hash) location.replace(address);
    }, SEARCH_AFTER_MS);
  };
  return element("form", { role: "search", class: "search", onsubmit: (event) => event.preventDefault() },
    element("label", { for: "search", class: "unseen" }, "Search services, releases, commits and authors"),
    element("input", { id: "search", type: "search", value: route.q, autocomplete: "off", spellcheck: "false", maxlength: "200",
      placeholder: "Search service, release, commit, author", "aria-keyshortcuts": "/", oninput: go }));
}

function filters(fleet, route) {
  const all = [["", "All", fleet.found], ["person", "Needs a person", fleet.counts.person ?? 0],
    ...Object.entries(MARKS).map(([mark, [, , label]]) => [mark, label, fleet.counts[mark] ?? 0])];
  // A filter that finds nothing is left out, unless it is the one that is chosen.
  const offered = all.filter(([mark, , number]) => number || ["", "person", route.show].includes(mark));
  return element("nav", { class: "filters", "aria-label": "Filter" }, offered.map(([mark, label, number]) => element("a", {
    href: toFleet({ ...route, show: mark, number: 1 }), "data-key": `filter ${mark}`, "aria-current": mark === route.show && "true",
  }, label, " ", element("span", { class: "number" }, number.toLocaleString("en")))));
}

function found(fleet, route) {
  if (!route.q && !route.show) return count(fleet.total, "service");
  return `${fleet.matching.toLocaleString("en")} of ${count(fleet.total, "service")}`;
}

function list(title, services) {
  if (!services.length) return "";
  return element("section", { "data-key": title, "aria-label": title || "Services" }, title && element("h2", {}, title),
    element("ul", { class: "fleet" }, services.map(row)));
}

function row(service) {
  return element("li", { "data-key": service.name, "data-service": service.id },
    element("div", { class: "about" },
      element("h3", {}, element("a", { href: to(service.name) }, service.id)),
      element("p", { class: "where" }, [service.project, service.location, service.description].filter(Boolean).join(" · ")),
      marks(service.marks),
      service.hit && element("p", { class: "hit" }, "found ", element("a", { href: to(service.hit.name) }, service.hit.id),
        ["", service.hit.author, short(service.hit.commit), service.hit.subject].filter((text, at) => !at || text).join(" · "))),
    element("ol", { class: "row", "aria-label": `stages of ${service.id}` }, service.stages.map((stage) => cell(service, stage))));
}

function cell(service, stage) {
  return element("li", { "data-target": stage.target },
    element("span", { class: "target" }, stage.target),
    stage.release
      ? element("a", { class: "runs", href: to(`${service.name}/releases/${stage.release}`) }, stage.release)
      : element("span", { class: "runs quiet" }, "nothing yet"),
    element("span", { class: "since" }, when(stage.since)),
    marks(stage.marks, stage.release));
}

/** Marks with what they are about, unless that is what runs there anyway. */
function marks(marks, release = "") {
  const entries = Object.entries(marks);
  if (!entries.length) return "";
  return element("ul", { class: "marks" }, entries.map(([mark, about]) => element("li", {},
    pill(MARKS[mark]), about && about !== release && [" ", element("span", { class: "what" }, about)])));
}

function pages(fleet, route) {
  if (fleet.pages < 2) return "";
  const page = (number, text) => number >= 1 && number <= fleet.pages
    ? element("a", { href: toFleet({ ...route, number }), "data-key": text }, text)
    : element("span", { class: "quiet", "data-key": `no ${text}` }, text);
  return element("nav", { class: "pages", "aria-label": "Pages" }, page(fleet.page - 1, "Previous"),
    element("span", {}, `Page ${fleet.page} of ${fleet.pages}`), page(fleet.page + 1, "Next"));
}

function sentences(service) {
  return service.stages.map((stage) => [`${service.name} ${stage.target}`, [`${service.id}, ${stage.target}: runs ${stage.release || "nothing"}`,
    ...Object.keys(stage.marks).map((mark) => MARKS[mark][1])].join(", ")]);
}
