// An image of a release: its reference and digest, and its manifest where the registry here has it.

import { element } from "./dom.js";
import { when } from "./time.js";
import { bytes, count, short } from "./words.js";

/** An image with its layers and sizes. */
export function image(found) {
  return element("div", { class: "image", "data-key": found.reference },
    element("p", { class: "mono" }, found.reference),
    found.digest && !found.reference.endsWith(found.digest) && element("p", { class: "mono quiet" }, found.digest),
    found.missing && element("p", { class: "reason" }, "It is not in the registry: a deploy of it fails."),
    found.targets.length > 0 && element("p", { class: "quiet" }, `for ${found.targets.join(", ")}`),
    found.manifest ? manifest(found.manifest) : !found.missing && element("p", { class: "quiet" }, "Its manifest is not in this registry."));
}

function manifest(found) {
  const whole = found.layers.reduce((sum, layer) => sum + layer.size, found.config?.size ?? 0);
  const parts = found.manifests.length ? count(found.manifests.length, "manifest") : `${count(found.layers.length, "layer")}, ${bytes(whole)}`;
  return [
    element("p", { class: "quiet" }, `${parts}, pushed `, when(found.pushed), found.tags.length > 0 && `, tagged ${found.tags.join(", ")}`),
    element("details", {}, element("summary", {}, "Manifest"),
      element("p", { class: "mono quiet" }, found.mediaType),
      element("ul", { class: "layers" }, [...(found.config ? [["config", found.config]] : []),
        ...found.layers.map((layer, at) => [`layer ${at + 1}`, layer]), ...found.manifests.map((child) => ["image", child])]
        .map(([what, part]) => element("li", {}, element("span", {}, what), element("span", { class: "mono", title: part.digest }, short(part.digest)),
          element("span", {}, bytes(part.size)), element("span", { class: "quiet" }, part.mediaType))))),
  ];
}
