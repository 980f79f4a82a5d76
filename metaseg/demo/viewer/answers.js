// What the server answers, and what is asked of it.

import { fullestSlice, goTo } from "./slices.js";
import { choice, chosenNetworks, config, find, findAll, heldBack, on, open, redraw, sent, tell, view }
  from "./state.js";
import { Voxels } from "./voxels.js";

const PAUSE = 200;
let wires = {};
let later = null;
let loads = new AbortController();
let loading = [];
let asking = false;
let paused = false;

export function connect(found) {
  wires = found;
  const hear = (name, callback) => {
    document.addEventListener(`metaseg:${name}`, ({ detail }) => detail && callback(detail));
    if (wires[name].props.value) callback(wires[name].props.value);
  };
  hear("reply", replied);
  document.addEventListener("metaseg:lost", () => {
    if (asking) {
      say({ words: "The server did not answer.", again: true });
      tell("withdrawn");
    }
    asking = false;
  });
  hear("view", (answer) => answer.id === choice.id && tell("view", answer));
  hear("parcel", (parcel) => tell("parcel", parcel));
  hear("link", (link) => tell("link", link));
}

const asked = {};

// An event that has to wait is sent with the state of then, so this is always whole.
export function send(event, more = {}) {
  Object.assign(asked, more);
  wires.state.props.value = { ...choice, ...asked, has: has() };
  wires.state.trigger(event);
}

// What the browser has already, so that it is not sent again.
function has() {
  return [
    ...(open.scene ? ["scene", ...open.complete] : []),
    ...(open.scene && open.truthFor === choice.truth ? ["truth"] : []),
  ];
}

// Several choices in a moment are asked about once.
export function ask(pause = PAUSE) {
  clearTimeout(later);
  if (!choice.scan) return;
  open.current = false;
  choice.question += 1;
  // What was cancelled does not begin again by itself.
  if (paused && !chosenNetworks().every(({ name }) => open.complete.has(name))) {
    tell("withdrawn");
    return;
  }
  paused = false;
  for (const box of findAll("#verdict, #regions")) box.setAttribute("aria-busy", "true");
  later = setTimeout(() => {
    asking = true;
    send("ask");
  }, pause);
}

// Another scan: nothing of the one before stays.
export function begin(scan, truth, name, { intro = false, series = null } = {}) {
  halt();
  paused = false;
  Object.assign(choice, { scan, series, truth, position: null });
  Object.assign(view, { name, intro, moved: false, selected: null, factor: 1, anyway: false });
  clearScene();
  tell("opened");
  say({ words: `Reading ${name} …`, busy: true });
  ask(0);
}

function stop() {
  clearTimeout(later);
  loads.abort();
  loads = new AbortController();
  loading = [];
  asking = false;
}

// What is under way is for an answer that nobody waits for any more. A question that still has to
// wait will be sent with the state of now, and must not pass for one of the next scan.
export function halt() {
  send("halt", { wanted: choice.id + 1 });
  stop();
  choice.id += 1;
}

// Ends with the scan that is open.
export const untilHalted = () => loads.signal;

export function cancel() {
  halt();
  paused = true;
  tell("withdrawn");
  say({ words: "Cancelled.", again: true });
}

export function clearScene() {
  Object.assign(open, { scene: null, grey: null, truth: null, truthFor: null, findings: null,
    current: false, doubts: [], review: null });
  open.networks.clear();
  open.complete.clear();
  choice.review = null;
  find("#pictures").replaceChildren();
}

const say = (notice) => tell("notice", notice);

function replied(reply) {
  if (reply.id !== choice.id || !choice.scan) return;
  if (reply.doubts) receiveDoubts(reply.doubts);
  if (reply.scene && !open.scene) receiveScene(reply.scene);
  const truth = reply.scene ? reply.scene.truth ?? null : reply.truth;
  if (truth !== undefined && reply.truth_for === choice.truth && open.truthFor !== choice.truth) {
    receiveTruth(truth);
  }
  for (const [name, parts] of Object.entries(reply.networks ?? {})) {
    receiveNetwork(name, parts, reply.complete?.includes(name));
  }
  if (reply.progress && !open.current) sayProgress(reply.progress);
  if (reply.question !== choice.question) {
    // The networks have run, and what they say of the present choice takes a moment.
    if (reply.findings && reply.complete && !open.current) {
      asking = true;
      send("ask");
    }
    return;
  }
  if (reply.volume) send("ask_volume");
  if (reply.choices) {
    asking = false;
    say({ words: "This file holds several scans. Choose one:", choices: reply.choices });
  }
  if (reply.alert) {
    asking = false;
    say({ words: reply.alert, bad: true, lost: reply.alert === config.gone && sent.has(choice.scan) });
    tell("withdrawn");
  }
  if (reply.findings) receiveFindings(reply.findings);
}

function receiveDoubts(doubts) {
  if (doubts.length === open.doubts.length) return;
  open.doubts = doubts;
  tell("doubts");
  redraw();
}

function receiveScene(scene) {
  open.scene = scene;
  open.grey = new Voxels(scene.shape);
  tell("scene");
  load(open.grey, scene.grey);
  say({ words: "Looking for lesions …", busy: true });
}

function receiveTruth(parts) {
  open.truthFor = choice.truth;
  open.truth = parts && new Voxels(open.scene.shape);
  if (parts) load(open.truth, parts);
  tell("voxels");
}

// Parts of a volume's result come one after another; each is fetched once.
async function receiveNetwork(name, parts, complete) {
  if (open.complete.has(name)) return;
  if (complete) open.complete.add(name);
  if (!open.networks.has(name)) open.networks.set(name, new Voxels(open.scene.shape));
  const voxels = open.networks.get(name);
  const fresh = parts.slice(voxels.asked ?? 0);
  voxels.asked = parts.length;
  await load(voxels, fresh);
  // The server knows the largest lesion, and says so a moment later.
  if (complete && open.networks.get(name) === voxels && !open.findings) openAt(fullestSlice());
}

// A volume opens at its largest lesion, unless the visitor chose a slice or sees no result.
export function openAt(slice) {
  if (!view.moved && !heldBack() && view.plane === open.scene.plane) goTo(slice ?? view.index, false);
}

// A browser's own words are of no help.
const sayLost = (fault) => say({ again: true, words: fault instanceof TypeError
  ? "Part of the result did not arrive: check that you are online." : fault.message });

// True once all parts have arrived, or why they have not.
function load(voxels, parts) {
  const { signal } = loads;
  const loaded = voxels.load(parts, signal, () => tell("voxels")).then(
    () => true,
    (fault) => {
      if (!signal.aborted) sayLost(fault);
      return fault;
    },
  );
  loading.push(loaded);
  return loaded;
}

function sayProgress({ titles, done, count }) {
  const who = titles.join(" and ");
  const words = count > 1 ? `${who}: slice ${done + 1} of ${count}` : `${who} …`;
  say({ words, busy: true, share: done / count });
}

async function receiveFindings(findings) {
  const { id, question } = choice;
  receiveDoubts(findings.doubts);
  asking = false;
  // The verdict appears together with the outlines that it is about.
  const arrived = await Promise.all(loading);
  if (id !== choice.id || question !== choice.question || open.findings === findings) return;
  const first = !open.findings;
  Object.assign(open, { findings, current: true });
  if (first) openAt(findings.regions[0]?.slice);
  const fault = arrived.find((one) => one !== true);
  if (fault) sayLost(fault);
  else say(null);
  tell("findings");
  redraw();
}

on("truth", () => ask(0));
