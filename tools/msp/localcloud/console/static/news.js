// Tells who listens rather than looks what has changed on the page.

const MOST = 3;
let before = { page: "", said: new Map() };

/**
 * Says what is new since the page was shown last.
 * @param {string} page What is shown; on another page nothing is new.
 * @param {Map<string, string>} said By key, how things stand: `prod runs deploy-1`.
 */
export function tell(page, said) {
  const fresh = [...said].filter(([key, text]) => before.said.get(key) !== text).map(([, text]) => text);
  const box = document.getElementById("news");
  if (page === before.page && fresh.length) {
    const more = fresh.length > MOST ? `, and ${fresh.length - MOST} more changes` : "";
    box.textContent = `${fresh.slice(0, MOST).join("; ")}${more}`;
  }
  before = { page, said };
}

/** Shows an error until the next one, or none. */
export function notice(text) {
  const box = document.getElementById("notice");
  box.textContent = text;
  box.hidden = !text;
}
