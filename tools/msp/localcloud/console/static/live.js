// Says when something has changed, not oftener than a page can be read, and whether the local cloud is there.

const SHORTEST_MS = 400;

/** Calls `refresh` now and whenever something has changed; a page that nobody sees waits until it is seen. */
export function listen(refresh) {
  const link = document.getElementById("link");
  const say = (text, kind) => {
    if (link.textContent !== text) link.textContent = text;
    link.className = kind;
  };
  let last = 0;
  let timer = 0;
  const later = () => {
    if (timer || document.hidden) return;
    timer = setTimeout(() => {
      timer = 0;
      last = performance.now();
      refresh();
    }, Math.max(last + SHORTEST_MS - performance.now(), 0));
  };
  const source = new EventSource("/_localcloud/changes");
  source.onmessage = () => {
    say("live", "live");
    later();
  };
  source.onerror = () => say("not reachable, trying again", "lost");
  document.addEventListener("visibilitychange", later);
}
