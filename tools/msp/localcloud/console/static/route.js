// Which page is wanted: the address after `#/` is the name of what is shown, or the fleet with what is looked for.

const SERVICE = /^projects\/[^/]+\/locations\/[^/]+\/deliveryPipelines\/[^/]+$/;
const RELEASE = /^(projects\/[^/]+\/locations\/[^/]+\/deliveryPipelines\/[^/]+)\/releases\/[^/]+$/;

/** The page of the browser's address: `{page, name, q, show, number, releases}`. */
export function here() {
  const [path, query = ""] = decodeSafely(location.hash.replace(/^#\/?/, "")).split("?", 2);
  const asked = new URLSearchParams(query);
  if (RELEASE.test(path)) return { page: "release", name: path, service: RELEASE.exec(path)[1] };
  if (SERVICE.test(path)) return { page: "service", name: path, releases: Number(asked.get("releases")) || 20 };
  return { page: "fleet", name: "", q: asked.get("q") ?? "", show: asked.get("show") ?? "", number: Number(asked.get("page")) || 1 };
}

/** The address of a service or a release. */
export const to = (name) => `#/${name}`;

/** The address of the fleet, or of what is looked for in it. */
export function toFleet({ q = "", show = "", number = 1 }) {
  const asked = new URLSearchParams(Object.entries({ q, show, page: number > 1 ? number : "" }).filter(([, value]) => value));
  return asked.size ? `#/?${asked}` : "#/";
}

function decodeSafely(text) {
  const [path, query] = text.split("?", 2);
  try {
    return query === undefined ? decodeURIComponent(path) : `${decodeURIComponent(path)}?${query}`;
  } catch {
    return "";
  }
}
