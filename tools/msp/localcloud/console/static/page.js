"use strict";
// Shows what /_localcloud/overview says, whenever /_localcloud/changes says that it changed, and acts by the REST API.

const STATES = {
  SUCCEEDED: ["good", "succeeded"], FAILED: ["bad", "failed"], IN_PROGRESS: ["busy", "in progress"],
  PENDING_APPROVAL: ["ask", "needs approval"], APPROVAL_REJECTED: ["still", "rejected"], PENDING: ["still", "queued"],
  PENDING_RELEASE: ["busy", "waits for render"], CANCELLING: ["busy", "cancelling"], CANCELLED: ["still", "cancelled"],
  HALTED: ["still", "halted"],
};
const PHASES = { SUCCEEDED: "good", IN_PROGRESS: "busy", FAILED: "bad" };
const RENDERS = { SUCCEEDED: ["good", "rendered"], FAILED: ["bad", "render failed"], IN_PROGRESS: ["busy", "rendering"] };
let skew = 0; // the cloud's clock, less ours

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") made.addEventListener("click", value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return made;
}

const pill = ([kind, text]) => element("span", { class: `pill ${kind}` }, text);

function ago(time) {
  if (!time) return "";
  const seconds = Math.round((Date.now() + skew - Date.parse(time)) / 1000);
  const distance = Math.abs(seconds);
  const [amount, unit] = distance < 59.5 ? [distance, "s"] : distance < 3570 ? [Math.round(distance / 60), "min"]
    : distance < 86400 ? [Math.round(distance / 3600), "h"] : [Math.round(distance / 86400), "d"];
  if (distance < 2) return "now";
  return seconds < 0 ? `in ${amount} ${unit}` : `${amount} ${unit} ago`;
}

const when = (time, kind = "ago") => element("time", { class: kind, datetime: time, title: time }, ago(time));

async function call(path, body) {
  const answer = await fetch(`/v1/${path}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  const value = await answer.json();
  const error = value.error;
  if (error) throw Object.assign(new Error(error.message), { status: error.status });
  return value;
}

function rolloutId(release, target, number) {
  const suffix = `-to-${target}-${String(number).padStart(4, "0")}`;
  return `${release.slice(0, Math.max(63 - suffix.length, 1))}${suffix}`.slice(-63);
}

async function promote(pipeline, release, target) {
  for (let number = 1; number < 1000; number++) {
    try {
      const id = rolloutId(release, target, number);
      return await call(`${pipeline.name}/releases/${release}/rollouts?rolloutId=${id}`, { targetId: target });
    } catch (error) {
      if (error.status !== "ALREADY_EXISTS") throw error;
    }
  }
}

function ask(question, detail, yes) {
  const dialog = document.getElementById("confirm");
  document.getElementById("question").textContent = question;
  document.getElementById("detail").textContent = detail;
  document.getElementById("yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

function button(key, text, act, options = {}) {
  const press = async () => {
    if (options.question && !(await ask(options.question, options.detail ?? "", text))) return;
    made.disabled = true;
    try {
      await act();
      notice("");
      await refresh();
    } catch (error) {
      notice(error.message);
    } finally {
      made.disabled = false;
    }
  };
  const made = element("button", {
    type: "button", "data-key": key, class: options.primary ? "primary" : undefined, "aria-label": options.label, onclick: press,
  }, text);
  return made;
}

function notice(text) {
  const box = document.getElementById("notice");
  box.textContent = text;
  box.hidden = !text;
}

function stageActions(pipeline, stage, following) {
  const actions = [];
  const key = `${pipeline.name}/${stage.target}`;
  const asking = stage.rollouts.filter((rollout) => rollout.state === "PENDING_APPROVAL");
  for (const rollout of asking) {
    const of = asking.length > 1 ? ` ${rollout.release}` : "";
    actions.push(button(`${rollout.name}:approve`, `Approve${of}`, () => call(`${rollout.name}:approve`, { approved: true }),
      { primary: true, label: `Approve ${rollout.release} in ${stage.target}` }));
    actions.push(button(`${rollout.name}:reject`, `Reject${of}`, () => call(`${rollout.name}:approve`, { approved: false }),
      { label: `Reject ${rollout.release} in ${stage.target}`, question: `Reject ${rollout.release}?`,
        detail: `Its rollout to ${stage.target} ends for good; the release can be promoted again.` }));
  }
  const [latest] = stage.rollouts;
  if (latest?.state === "FAILED") {
    const phase = latest.phases.find((each) => each.failedJob);
    if (phase) actions.push(button(`${latest.name}:retry`, "Retry", () =>
      call(`${latest.name}:retryJob`, { phaseId: phase.id, jobId: phase.failedJob }), { primary: true, label: `Retry ${phase.failedJob} of ${latest.release} in ${stage.target}` }));
  }
  const busy = stage.rollouts.find((rollout) => rollout.state === "IN_PROGRESS");
  if (busy) {
    const done = busy.phases.every((phase) => phase.state !== "IN_PROGRESS");
    const phase = busy.phases.find((each) => each.state === "PENDING");
    if (done && phase) actions.push(button(`${busy.name}:advance`, `Advance to ${phase.id}`, () =>
      call(`${busy.name}:advance`, { phaseId: phase.id }), { primary: true }));
    actions.push(button(`${busy.name}:cancel`, "Cancel", () => call(`${busy.name}:cancel`, {}),
      { label: `Cancel the rollout of ${busy.release} to ${stage.target}` }));
  }
  const running = stage.running?.release;
  const wanted = following && running && following.running?.release !== running && !following.rollouts.some((rollout) =>
    rollout.release === running && ["PENDING_APPROVAL", "PENDING", "IN_PROGRESS", "PENDING_RELEASE"].includes(rollout.state));
  if (wanted && !busy) actions.push(button(`${key}:promote`, `Promote to ${following.target}`, () => promote(pipeline, running, following.target),
    { primary: !actions.length, label: `Promote ${running} to ${following.target}` }));
  const before = stage.rollouts.some((rollout) => rollout.state === "SUCCEEDED" && rollout.release !== running);
  if (running && before && !busy) actions.push(button(`${key}:rollback`, "Roll back", () =>
    call(`${pipeline.name}:rollbackTarget`, { targetId: stage.target, rolloutId: `rollback-${Date.now().toString(36)}-to-${stage.target}`.slice(0, 63).replace(/-+$/, "") }),
    { label: `Roll back ${stage.target}`, question: `Roll back ${stage.target}?`, detail: `It runs ${running} now, and will run the last good release before it.` }));
  return actions;
}

function showRollout(rollout) {
  const phases = rollout.phases.length > 1 && element("ol", { class: "phases", "aria-label": "phases" },
    ...rollout.phases.map((phase) => element("li", { class: PHASES[phase.state] ?? "", title: phase.state.toLowerCase() }, phase.id)));
  return element("li", {},
    element("div", { class: "row" }, pill(STATES[rollout.state] ?? ["still", rollout.state]),
      element("span", { class: "who", title: rollout.id }, `${rollout.rollback ? "↩ " : ""}${rollout.release}`), when(rollout.time)),
    phases, rollout.reason && element("p", { class: "reason" }, rollout.reason));
}

function showStage(pipeline, stage, following) {
  const running = stage.running;
  return element("li", { class: "stage", "data-target": stage.target },
    element("h3", {}, stage.target, element("small", {}, !stage.exists ? "missing" : stage.requireApproval ? "needs approval" : "")),
    element("div", { class: "running" }, element("span", { class: "label" }, "Running"),
      running ? element("strong", {}, running.release) : element("span", { class: "none" }, "nothing yet"),
      ...(running?.images ?? []).map((image) => element("span", { class: "image mono", title: image },
        image.replace(/^.*\//, "").replace(/(@sha256:.{12}).*/, "$1…")))),
    stage.rollouts.length > 0 && element("ul", { class: "rollouts", "aria-label": `rollouts to ${stage.target}` }, ...stage.rollouts.map(showRollout)),
    element("div", { class: "actions" }, ...stageActions(pipeline, stage, following)));
}

function showRelease(pipeline, release) {
  const [first] = pipeline.stages;
  const places = pipeline.stages.filter((stage) => stage.running?.release === release.id).map((stage) => stage.target);
  const untouched = !pipeline.stages.some((stage) => stage.rollouts.some((rollout) => rollout.release === release.id));
  const can = first && untouched && !release.abandoned && release.render !== "FAILED" && !places.length;
  const note = [release.tag || release.labels.commit?.slice(0, 12), release.annotations.author].filter(Boolean).join(" · ");
  return element("tr", {},
    element("td", { class: "id" }, release.id), element("td", { class: "mono" }, note),
    element("td", {}, pill(release.abandoned ? ["still", "abandoned"] : RENDERS[release.render] ?? ["still", release.render]),
      release.reason && element("p", { class: "reason" }, release.reason)),
    element("td", {}, ...places.map((place) => pill(["good", place]))), element("td", { class: "time" }, when(release.time, "")),
    element("td", {}, can && button(`${release.name}:release`, `Release to ${first.target}`, () => promote(pipeline, release.id, first.target),
      { label: `Release ${release.id} to ${first.target}` })));
}

function showPipeline(pipeline) {
  const { stages, releases } = pipeline;
  return element("section", { class: "pipeline", "aria-label": `pipeline ${pipeline.id}` },
    element("h2", {}, pipeline.id, " ", pipeline.suspended && pill(["ask", "suspended"]), pipeline.problem && pill(["bad", pipeline.problem])),
    element("p", { class: "where" }, [`${pipeline.project} · ${pipeline.location}`, pipeline.description].filter(Boolean).join(" · ")),
    element("ol", { class: "lane", "aria-label": "stages" }, ...stages.map((stage, number) => showStage(pipeline, stage, stages[number + 1]))),
    ...pipeline.waiting.map((run) => element("p", { class: "waiting" },
      `Automation ${run.automation} takes `, element("strong", {}, run.release), ` from ${run.from} to ${run.to} `, when(run.until, ""))),
    releases.length > 0 && element("div", { class: "table" }, element("table", {}, element("caption", {}, "Releases"),
      element("thead", {}, element("tr", {}, ...["Release", "Image", "Rendering", "Runs in", "Created", ""].map((text) => element("th", { scope: "col" }, text)))),
      element("tbody", {}, ...releases.map((release) => showRelease(pipeline, release))))));
}

let shown = "";
let held = false; // a key or a mouse button is down
let next = null;

for (const name of ["pointerdown", "keydown"]) document.addEventListener(name, () => { held = true; }, true);
for (const name of ["pointerup", "pointercancel", "keyup", "blur"]) window.addEventListener(name, () => {
  held = false;
  setTimeout(() => { if (next) show(next); });
}, true);

function show(overview) {
  // A button that is replaced between press and release would never be clicked.
  next = held ? overview : null;
  if (held) return;
  const content = JSON.stringify(overview.pipelines);
  if (content === shown) return;
  shown = content;
  skew = Date.parse(overview.now) - Date.now();
  const focused = document.activeElement?.getAttribute("data-key");
  const lanes = [...document.querySelectorAll(".lane")].map((lane) => lane.scrollLeft);
  const main = document.getElementById("pipelines");
  main.replaceChildren(...(overview.pipelines.length ? overview.pipelines.map(showPipeline) : [element("p", { class: "empty" },
    "No delivery pipeline yet. Make one with ", element("code", {}, "gcloud deploy apply"), " or ", element("code", {}, `bazel run //svc:msp_deploy.pipeline.apply -- --local_cloud=${location.host}`), ".")]));
  document.querySelectorAll(".lane").forEach((lane, number) => { lane.scrollLeft = lanes[number] ?? 0; });
  // Whoever works by keyboard stays where they were.
  if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

let loading = null;
let again = false;

async function refresh() {
  if (loading) { again = true; return loading; }
  loading = (async () => {
    do {
      again = false;
      show(await (await fetch("/_localcloud/overview")).json());
    } while (again);
  })();
  try { await loading; } finally { loading = null; }
}

function listen() {
  const link = document.getElementById("link");
  const source = new EventSource("/_localcloud/changes");
  const say = (text, kind) => { if (link.textContent !== text) { link.textContent = text; link.className = kind; } };
  source.onmessage = () => { say("live", "live"); refresh().catch(() => say("not reachable, trying again", "lost")); };
  source.onerror = () => say("not reachable, trying again", "lost");
}

setInterval(() => document.querySelectorAll("time[datetime]").forEach((each) => {
  each.textContent = ago(each.getAttribute("datetime"));
}), 5000);
listen();
