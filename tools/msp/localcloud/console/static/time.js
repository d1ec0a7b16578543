// Times as people say them, by the cloud's own clock, which may stand still or be moved.

import { element } from "./dom.js";

let skew = 0; // the cloud's clock, less ours

/** Takes the cloud's time, in RFC 3339, as now. */
export function setNow(time) {
  skew = Date.parse(time) - Date.now();
}

/** How long ago a time is, or in how long it comes: `5 min ago`. */
export function ago(time) {
  const seconds = Math.round((Date.now() + skew - Date.parse(time)) / 1000);
  const distance = Math.abs(seconds);
  if (distance < 2) return "now";
  const amount = duration(distance);
  return seconds < 0 ? `in ${amount}` : `${amount} ago`;
}

/** A number of seconds in the largest unit that fits: `90` is `2 min`. */
export function duration(seconds) {
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  if (seconds < 3570) return `${Math.round(seconds / 60)} min`;
  if (seconds < 84600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/** A moment in UTC, `2026-11-24 12:00 UTC`. */
export const moment = (time) => `${new Date(time).toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** An element that says how long ago a time is, and shows the time itself to who asks. */
export function when(time) {
  return time ? element("time", { datetime: time, title: moment(time), "data-ago": true }, ago(time)) : null;
}

setInterval(() => {
  for (const each of document.querySelectorAll("time[data-ago]")) each.textContent = ago(each.dateTime);
}, 5000);
