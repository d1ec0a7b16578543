// Asks before something is done, names what goes to what, and says why it was refused.

import { element } from "./dom.js";
import { notice } from "./news.js";

const dialog = document.getElementById("dialog");

/**
 * A button that shows a plan, and carries it out when its reader agrees.
 * @param {string} key What stays the same when the page is shown anew.
 * @param {string} text What it says.
 * @param {string} label What it says to who can't see where it stands.
 * @param {() => object | Promise<object>} plan Works out what would be done.
 * @param {{primary?: boolean}} options
 */
export function actionButton(key, text, label, plan, options, refresh) {
  const press = async (event) => {
    const button = event.currentTarget;
    button.setAttribute("aria-busy", "true");
    try {
      notice("");
      await show(await plan());
    } catch (error) {
      notice(error.message);
    } finally {
      button.removeAttribute("aria-busy");
    }
    await refresh();
  };
  return element("button", { type: "button", "data-key": key, class: options.primary && "primary", "aria-label": label, onclick: press }, text);
}

/** Shows a plan until it was carried out or given up. */
function show(plan) {
  const yes = element("button", { type: "button", id: "yes", class: plan.danger ? "danger" : "primary" }, plan.yes);
  const no = element("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, plan.refusal ? "Close" : "Not now");
  const refused = element("p", { id: "refused", role: "alert", class: "banner bad" });
  const reason = plan.reason && !plan.refusal && element("input", { id: "reason", maxlength: "255", autocomplete: "off", placeholder: "Kept with the rollout" });
  const refuse = (text) => {
    refused.textContent = text ? `Refused: ${text}` : "";
    refused.hidden = !text;
  };
  refuse(plan.refusal ?? "");
  yes.onclick = async () => {
    yes.disabled = true;
    refuse("");
    try {
      await plan.act(reason ? reason.value.trim() : "");
      dialog.close();
    } catch (error) {
      refuse(error.message);
      yes.disabled = false;
      yes.focus();
    }
  };
  if (reason) {
    reason.onkeydown = (event) => {
      if (event.key === "Enter" && !event.isComposing) yes.click();
    };
  }
  dialog.replaceChildren(...[
    element("h2", { id: "question" }, plan.title),
    plan.moves.map(move),
    plan.notes.map((note) => (typeof note === "string" ? element("p", {}, note) : releases(note))),
    plan.warnings.map((warning) => element("p", { class: "banner ask" }, warning)),
    refused,
    reason && element("label", { class: "reason-field", for: "reason" }, "Reason ", element("span", { class: "quiet" }, "(optional)"), reason),
    element("menu", {}, no, !plan.refusal && yes),
  ].flat().filter(Boolean));
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
}

function move({ target, from, to, note }) {
  return element("p", { class: "move" }, element("strong", {}, `${target}: `), element("span", { class: "mono" }, from || "nothing"),
    element("span", { "aria-hidden": "true" }, " → "), element("span", { class: "unseen" }, " goes to "), element("span", { class: "mono" }, to),
    note && `, ${note}`);
}

function releases(list) {
  const most = 8;
  return element("ul", { class: "comes" }, list.slice(0, most).map((release) => element("li", {},
    element("span", { class: "mono" }, release.id), " ", [release.author, release.subject].filter(Boolean).join(": "))),
    list.length > most && element("li", { class: "quiet" }, `and ${list.length - most} more`));
}
