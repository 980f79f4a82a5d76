// The start, the keys and the buttons.

import { begin, cancel, connect } from "./answers.js";
import { chooseTool, useKey } from "./brush.js";
import { forgetTruth, openExample, openScan, resend, runAgain, watchFiles } from "./files.js";
import { fit, MOVES, panBy, watchGestures, windowBy, zoomBy } from "./gestures.js";
import "./heartbeat.js";
import { chooseNetwork, clear, setThreshold, showAnyway, showChoice, stepThreshold } from "./panel.js";
import { STEPS } from "./masks.js";
import { recall } from "./memory.js";
import "./notice.js";
import { nextLesion, select } from "./regions.js";
import { redo, reject, restore, undo } from "./review.js";
import { goTo, showPlane } from "./slices.js";
import { cut } from "./stage.js";
import { choice, config, find, findAll, inView, on, open, redraw, tell, view } from "./state.js";
import { takeAway } from "./takes.js";
import { switchTheme, watchTheme } from "./theme.js";
import "./views.js";

const WIRES = ["state", "reply", "view", "parcel", "link"];

function setLayout(layout) {
  view.layout = layout;
  for (const button of findAll("[data-layout]")) {
    button.setAttribute("aria-pressed", String(button.dataset.layout === layout));
  }
  redraw();
}

function enhance(enhanced) {
  view.enhanced = enhanced;
  find("#enhance").setAttribute("aria-pressed", String(enhanced));
  redraw();
}

async function fullScreen() {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await find("#viewer").requestFullscreen?.();
}

async function copy(text, button) {
  const label = button.dataset.label ??= button.textContent;
  let words = "Copied";
  try {
    await navigator.clipboard.writeText(text);
  } catch { // no clipboard without https, and none in frames that may not use it
    words = copySelected(text) ? words : "Not allowed";
    button.focus(); // the selected text had it
  }
  button.textContent = words;
  setTimeout(() => { button.textContent = label; }, 1500);
}

function copySelected(text) {
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied;
}

function linkToThis() {
  const address = new URL(location.pathname, location.href);
  address.searchParams.set("model", choice.model.toLowerCase());
  if (choice.threshold !== null) address.searchParams.set("threshold", choice.threshold);
  return address.href;
}

const ACTIONS = {
  in: () => zoomBy(1.5),
  out: () => zoomBy(1 / 1.5),
  reset: () => {
    fit();
    Object.assign(view, { low: 0, high: 255, opacity: 25, outlined: false });
    showOpacity();
    enhance(false);
  },
  enhance: () => enhance(!view.enhanced),
  full: fullScreen,
  theme: switchTheme,
  previous: () => goTo(view.index - 1),
  next: () => goTo(view.index + 1),
  lesion: nextLesion,
  cancel,
  close: () => tell("notice", null),
  again: runAgain,
  resend,
  anyway: showAnyway,
  clear,
  undo,
  redo,
  "forget-truth": forgetTruth,
  "copy-link": (button) => copy(linkToThis(), button),
  "copy-code": (button) => copy(find("#code").textContent, button),
};

function showOpacity() {
  find("[data-setting=opacity]").value = view.opacity;
  document.documentElement.style.setProperty("--opacity", view.opacity / 100);
}

function rejectRegion(number) {
  const region = open.findings.regions.find((one) => one.number === Number(number));
  if (!region || region.missed || region.rejected) return;
  region.rejected = true; // its row stays until the server has answered
  reject(region.peak);
}

function clicked(event) {
  const button = event.target.closest?.("button");
  if (!button) return;
  const { action, layout, plane, example, choice: series, take, threshold, tool } = button.dataset;
  if (action) ACTIONS[action]?.(button);
  else if (layout) setLayout(layout);
  else if (plane) showPlane(plane);
  else if (example) openExample(Number(example));
  else if (take) takeAway(take);
  else if (series) begin(choice.scan, choice.truth, button.textContent, { series });
  else if (threshold !== undefined) setThreshold(threshold === "" ? null : Number(threshold));
  else if (tool) chooseTool(tool);
  else if (button.dataset.restore) restore(JSON.parse(button.dataset.restore));
  else if (button.matches(".reject")) rejectRegion(button.closest("[data-region]").dataset.region);
  else if (button.matches(".show")) select(Number(button.closest("[data-region]").dataset.region));
}

function changed(event) {
  const { target } = event;
  if (target.matches?.("[data-setting=opacity]")) {
    view.opacity = Number(target.value);
    showOpacity();
    redraw();
  } else if (target.matches?.("[data-setting=brush]")) view.brush = Number(target.value);
  else if (target.id === "position") goTo(Number(target.value));
  else if (target.id === "threshold-range") setThreshold(Number(target.value));
  else if (target.name === "network") chooseNetwork(target.value);
}

// Where outlines in the browser are those of the server.
const onGrid = (value) => Math.round(value * STEPS) / STEPS;

// Once the number is whole: half of it is another threshold.
function typed({ target }) {
  if (target.id !== "threshold-number") return;
  const value = target.valueAsNumber;
  if (value >= 0 && value <= 1) setThreshold(onGrid(value));
  else showChoice();
}

const GREY_STEP = 16;

const KEYS = {
  ArrowLeft: ACTIONS.previous, ArrowRight: ACTIONS.next, ArrowUp: ACTIONS.previous,
  ArrowDown: ACTIONS.next, n: nextLesion, "[": () => stepThreshold(-0.05),
  "]": () => stepThreshold(0.05), o: () => { view.outlined = !view.outlined; redraw(); },
  v: () => setLayout(view.layout === "one" ? "side" : "one"),
  "+": ACTIONS.in, "-": ACTIONS.out, 0: () => { fit(); redraw(); }, f: fullScreen,
  c: ACTIONS.enhance,
  ",": () => windowBy(0, GREY_STEP), ".": () => windowBy(0, -GREY_STEP),
  "<": () => windowBy(-GREY_STEP, 0), ">": () => windowBy(GREY_STEP, 0),
  p: () => chooseTool("paint"), e: () => chooseTool("erase"), a: () => chooseTool("add"),
  x: () => inView(view.selected) && rejectRegion(view.selected.number),
};

// What the arrow keys move or scroll themselves.
const OWN_ARROWS = "[role=tab], [type=radio], [type=range], pre, .table, .batch";
const REVIEWS = { z: undo, y: redo, Z: redo };

function pressed(event) {
  if (event.altKey || !open.scene) return;
  if (!find("#viewer").offsetParent && !document.fullscreenElement) return;
  const writes = "input:not([type=checkbox], [type=radio], [type=range], [type=file]), textarea, select";
  if (event.target.closest?.(writes)) return;
  if (event.ctrlKey || event.metaKey) {
    if (!REVIEWS[event.key] || find("#review").hidden) return;
    event.preventDefault();
    REVIEWS[event.key]();
    return;
  }
  if (useKey(event)) {
    event.preventDefault();
    return;
  }
  const moves = event.key.startsWith("Arrow");
  if (moves && event.target.closest?.(OWN_ARROWS)) return;
  const within = event.target.closest?.("#pictures");
  if (moves && event.shiftKey && within && view.factor > 1) {
    event.preventDefault();
    panBy(...MOVES[event.key]);
    return;
  }
  // Up and down scroll the page unless the pictures have the focus; with one slice all arrows do.
  if (moves && (cut().depth < 2 || (/Up|Down/.test(event.key) && !within))) return;
  // Characters alone are keys of the viewer, not of the page (WCAG 2.1.4).
  if (event.key.length === 1 && !event.target.closest?.("#viewer, #examples")) return;
  const action = KEYS[event.key];
  if (!action || ("peax".includes(event.key) && find("#review").hidden)) return;
  event.preventDefault();
  action();
}

on("draw", () => {
  const zoom = `${Math.round(view.factor * 100)} %`;
  // Written anew, it would be read out anew.
  if (find("#zoom").textContent !== zoom) find("#zoom").textContent = zoom;
  find("#pictures").classList.toggle("zoomed", view.factor > 1);
});

on("link", ({ model, threshold, faults }) => {
  if (started) return;
  if (model) choice.model = model;
  choice.threshold = threshold === null ? null : onGrid(threshold);
  begun(faults, recall());
});

let started = false;
let reopened = 0;

function begun(faults, last) {
  started = true;
  if (last && !choice.id) {
    Object.assign(choice, { model: last.model, threshold: last.threshold });
    begin(last.scan, last.truth, last.name, { series: last.series });
    choice.review = last.review;
    reopened = choice.id;
  }
  showChoice();
  if (!choice.id) openExample(0, true);
  warn(faults);
}

function warn(words) {
  const trouble = find("#link-trouble");
  trouble.hidden = !words;
  trouble.textContent = words;
}

on("opened", () => warn(""));
on("scene", () => { reopened = 0; });

// The server keeps what is reloaded for a moment only.
on("notice", (notice) => {
  if (!notice?.bad || choice.id !== reopened) return;
  Object.assign(choice, { model: config.both, threshold: null });
  showChoice();
  openExample(0, true);
  warn(notice.words.startsWith(config.gone) ? "The last scan is no longer on the server: open it again."
    : `The last scan could not be opened: ${notice.words}`);
});

function start() {
  Object.assign(config, JSON.parse(find("#viewer").dataset.config));
  choice.model = config.both;
  watchTheme();
  if (window.matchMedia("(max-width: 640px)").matches) setLayout("one");
  showChoice();
  watchGestures();
  watchFiles();
  document.addEventListener("metaseg:open", ({ detail }) => openScan(detail));
  document.addEventListener("click", clicked);
  document.addEventListener("input", changed);
  document.addEventListener("change", typed);
  document.addEventListener("keydown", pressed);
  document.addEventListener("fullscreenchange", () => {
    const words = document.fullscreenElement ? "Leave full screen" : "Full screen";
    find("#full").setAttribute("aria-label", words);
    find("#full").title = `${words} (f)`;
    redraw();
  });
  new ResizeObserver(redraw).observe(find("#pictures"));
  document.documentElement.lang = "en";
  connect(window.metaseg);
}

function wait() {
  const ready = find("#viewer") && WIRES.every((name) => window.metaseg?.[name]);
  if (ready) start();
  else setTimeout(wait, 30);
}

wait();
