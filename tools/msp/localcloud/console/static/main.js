// Shows the page of the address, anew whenever something has changed.

import { element, update } from "./dom.js";
import * as fleet from "./fleet.js";
import { listen } from "./live.js";
import { notice, tell } from "./news.js";
import * as release from "./release.js";
import { here } from "./route.js";
import * as service from "./service.js";
import { setNow } from "./time.js";

const PAGES = { fleet, service, release };
const content = document.getElementById("content");
let shown = null; // the page that is shown, `release projects/…`
let loading = null;
let again = false;

/** Loads and shows the page of the address; asked again meanwhile, it is loaded once more afterwards. */
async function refresh() {
  if (loading) {
    again = true;
    return loading;
  }
  loading = (async () => {
    do {
      again = false;
      await load();
    } while (again);
  })();
  try {
    await loading;
  } finally {
    loading = null;
  }
}

async function load() {
  const route = here();
  const page = PAGES[route.page];
  let view;
  try {
    const found = await page.load(route);
    setNow(found.now);
    view = page.view(found, route, refresh);
  } catch (error) {
    if (error.status === "UNAVAILABLE" && shown) return; // the line above says so; what was there is still of use
    view = problem(error);
  }
  // Somebody has gone elsewhere meanwhile.
  if (JSON.stringify(route) !== JSON.stringify(here())) again = true;
  else show(`${route.page} ${route.name}`, view, page, route);
}

function show(name, view, page, route) {
  const nodes = view.nodes.filter((node) => node instanceof Node); // a part that has nothing to show is none
  document.title = view.title ? `${view.title} · Local cloud` : "Local cloud";
  if (name === shown) {
    update(content, nodes);
  } else {
    content.replaceChildren(...nodes);
    notice("");
    window.scrollTo(0, 0);
    // Who works by keyboard or listens begins at the top of the new page.
    if (shown) (content.querySelector("h1") ?? content).focus({ preventScroll: true });
  }
  page.shown?.(route);
  tell(name, view.news ?? new Map());
  shown = name;
}

function problem(error) {
  return {
    title: "Not found",
    nodes: [
      element("h1", { tabindex: "-1" }, error.status === "NOT_FOUND" ? "Not found" : "This can't be shown"),
      element("p", {}, error.message),
      element("p", {}, element("a", { href: "#/" }, "All services")),
    ],
  };
}

window.addEventListener("hashchange", () => {
  // The link to skip by is no page.
  if (location.hash !== "#content") refresh();
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, dialog");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.getElementById("search");
  if (search) {
    event.preventDefault();
    search.select();
    search.focus();
  }
});
listen(refresh);
