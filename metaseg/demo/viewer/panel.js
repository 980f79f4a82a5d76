// The panel beside the pictures: network, threshold, verdict, regions, exports.

import { ask, begin, clearScene, halt, openAt, send } from "./answers.js";
import { mayLeave } from "./review.js";
import { offer } from "./takes.js";
import { choice, chosenNetworks, config, find, findAll, heldBack, on, open, redraw, tell, view } from "./state.js";

const UNMEASURED = "What is outlined has not been measured.";

// ---- network and threshold

const rounded = (value) => Math.round(value * 1000) / 1000;

const ownThresholds = () => chosenNetworks().map(({ threshold }) => threshold);

function startOf() {
  const own = ownThresholds();
  return own.reduce((sum, value) => sum + value, 0) / own.length;
}

export function showChoice() {
  for (const input of findAll("#model input")) input.checked = input.value === choice.model;
  for (const network of config.networks) {
    const label = find(`#model [data-network="${network.name}"]`);
    label?.style.setProperty("--colour", network.colour);
    label?.classList.toggle("dashed", network.dash.length > 0);
  }
  const value = rounded(choice.threshold ?? startOf());
  find("#threshold-range").value = value;
  // Not while somebody types in it.
  const box = find("#threshold-number");
  if (document.activeElement !== box || Number(box.value) !== value) box.value = value;
  const own = new Set(ownThresholds());
  const each = choice.threshold === null && own.size > 1;
  find("#own").textContent = each ? `each its own: ${[...own].join(" / ")}` : "";
  showTicks();
}

// The operating points of the chosen networks, each a button that goes there.
function showTicks() {
  const ticks = new Map();
  const sensitive = config.sensitive[choice.model];
  if (sensitive) ticks.set(sensitive, `sensitive ${rounded(sensitive)}`);
  // One for all: where their thresholds differ, it stands between them and means each its own.
  const own = new Set(ownThresholds());
  ticks.set(startOf(), own.size > 1 ? "default" : `default ${[...own][0]}`);
  const box = find("#ticks");
  const key = JSON.stringify([...ticks]);
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  box.replaceChildren(...[...ticks].map(([value, words]) => {
    const tick = document.createElement("button");
    Object.assign(tick, { type: "button", textContent: words });
    tick.dataset.threshold = words.startsWith("default") ? "" : value;
    tick.style.setProperty("--at", value);
    return tick;
  }));
}

export function setThreshold(value) {
  choice.threshold = value === null ? null : Math.min(1, Math.max(0, value));
  showChoice();
  redraw();
  ask();
}

export function stepThreshold(by) {
  setThreshold(rounded(Number(find("#threshold-range").value) + by));
}

export function chooseNetwork(name) {
  choice.model = name;
  showChoice();
  redraw();
  ask(0);
}

// ---- verdict, doubts and regions

on("opened", () => {
  find("#viewer").dataset.state = view.intro ? "intro" : "own";
  withdraw("");
  for (const box of ["#doubts", "#notices"]) find(box).replaceChildren();
  find("#doubts").hidden = true;
  find("#code").textContent = "";
  for (const box of findAll("#examples [data-example]")) {
    const example = config.examples[box.dataset.example];
    box.setAttribute("aria-current", String(example.scan === choice.scan));
  }
  showTruth();
});

export function showTruth() {
  find("#forget-truth").hidden = !choice.truth;
  const known = open.truthFor === choice.truth;
  const state = open.truth ? "Ground truth ✓" : "Ground truth not used";
  find("#ground-truth span").textContent = !choice.truth ? "+ Ground truth"
    : known ? state : "Ground truth …";
  find("#truth-row").hidden = !choice.scan;
}

on("voxels", showTruth);

// No findings, and nothing that needs them: words in the place of the verdict.
function withdraw(words) {
  for (const box of ["#regions", "#rejected", "#figures"]) find(box).replaceChildren();
  find("#verdict").textContent = words;
  for (const box of findAll("#verdict, #regions")) box.removeAttribute("aria-busy");
  for (const box of ["#handover", "#more", "#review"]) find(box).hidden = true;
}

// No words about other outlines than those that are drawn.
on("withdrawn", () => withdraw(open.networks.size && !heldBack() ? UNMEASURED : ""));

export function showAnyway() {
  view.anyway = true;
  tell("doubts");
  if (open.findings) {
    tell("findings");
    openAt(open.findings.regions[0]?.slice);
  }
  redraw();
  // The button that had the focus is gone, and the verdict may still have to come.
  find(find("#verdict").textContent ? "#verdict" : "#doubts").focus();
}

on("findings", () => {
  const { findings } = open;
  const held = heldBack();
  find("#verdict").textContent = held ? "" : findings.verdict;
  put("#regions", held ? "" : findings.list);
  put("#rejected", held ? "" : findings.rejected);
  put("#figures", held ? "" : findings.metrics);
  put("#notices", findings.notices);
  for (const box of findAll("#verdict, #regions")) box.removeAttribute("aria-busy");
  find("#handover").hidden = held || view.intro;
  offer(findings.downloads, findings.panels);
  find("#more").hidden = held;
  find("#review").hidden = held || view.intro;
});

// The element that had the focus gets it back if it is still there, or the verdict does.
function put(selector, html) {
  const box = find(selector);
  const held = box.contains(document.activeElement) ? document.activeElement : null;
  const region = held?.closest("[data-region]")?.dataset.region;
  box.innerHTML = html;
  if (held) (box.querySelector(`[data-region="${region}"] button`) ?? find("#verdict")).focus();
}

on("doubts", () => {
  const box = find("#doubts");
  box.hidden = !open.doubts.length;
  const words = open.doubts.map((sentence) => {
    const line = document.createElement("p");
    line.textContent = sentence;
    return line;
  });
  if (heldBack()) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: "Show the result anyway" });
    button.dataset.action = "anyway";
    words.push(button);
  }
  box.replaceChildren(...words);
});

on("reviewed", () => {
  const { before = [], after = [] } = open.review ?? {};
  find("#undo").disabled = !before.length;
  find("#redo").disabled = !after.length;
});

let cleared = null;

// The scan and its ground truth are removed from the server at once.
export function clear() {
  if (!mayLeave("Remove the scan?")) return;
  halt();
  cleared = choice.id;
  Object.assign(choice, { scan: null, truth: null });
  clearScene();
  tell("opened");
  tell("notice", { words: "Removing the scan from the server …" });
  send("forget");
  find("#scan input").focus(); // the button that had it may go
}

document.addEventListener("metaseg:kept", () => tell("notice", { bad: true,
  words: "The file could not be removed from the server: press Clear again." }));

document.addEventListener("metaseg:forgotten", () => {
  const [first] = config.examples;
  if (choice.id === cleared) begin(first.scan, first.truth, first.title, { intro: true });
});
