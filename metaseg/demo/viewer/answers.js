// What the server answers, and what is asked of it.

import { choice, find, findAll, on, open, redraw, tell, view } from "./state.js";
import { fullestSlice, goTo } from "./slices.js";
import { Voxels } from "./voxels.js";

const PAUSE = 200;
let wires = {};
let later = null;
let loads = new AbortController();
let loading = [];
let asking = null;
let paused = false;

export function connect(found) {
  wires = found;
  const hear = (name, callback) => {
    document.addEventListener(`metaseg:${name}`, ({ detail }) => detail && callback(detail));
    if (wires[name].props.value) callback(wires[name].props.value);
  };
  hear("reply", replied);
  document.addEventListener("metaseg:lost", () => {
    if (asking) say({ words: "The server did not answer.", again: true });
    asking = null;
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
  for (const box of findAll("#verdict, #regions")) box.setAttribute("aria-busy", "true");
  if (paused) return;
  later = setTimeout(() => {
    asking = choice.id;
    send("ask");
  }, pause);
}

// Another scan: nothing of the one before stays.
export function begin(scan, truth, name, { intro = false, series = null } = {}) {
  halt();
  paused = false;
  Object.assign(choice, { scan, series, truth, position: null });
  Object.assign(view, { name, intro, moved: false, selected: null, factor: 1 });
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
  asking = null;
}

// What is under way is for an answer that nobody waits for any more.
export function halt() {
  const idle = !asking;
  stop();
  choice.id += 1;
  if (!idle) send("halt");
}

export function cancel() {
  halt();
  paused = true;
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
  if (reply.id !== choice.id) return;
  if (reply.doubts) receiveDoubts(reply.doubts);
  if (reply.scene && !open.scene) receiveScene(reply.scene);
  if (reply.truth !== undefined && open.truthFor !== choice.truth) receiveTruth(reply.truth);
  for (const [name, parts] of Object.entries(reply.networks ?? {})) {
    receiveNetwork(name, parts, reply.complete?.includes(name));
  }
  if (reply.volume) send("ask_volume");
  if (reply.progress) sayProgress(reply.progress);
  if (reply.choices) {
    asking = null;
    say({ words: "This file holds several scans. Choose one:", choices: reply.choices });
  }
  if (reply.alert) {
    asking = null;
    say({ words: reply.alert, bad: true });
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
  receiveTruth(scene.truth);
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
  if (!complete || open.networks.get(name) !== voxels || view.moved) return;
  // The server knows the largest lesion, and says so a moment later.
  if (!open.findings && view.plane === open.scene.plane) goTo(fullestSlice() ?? view.index, false);
}

// Whether all parts have arrived.
function load(voxels, parts) {
  const { signal } = loads;
  const loaded = voxels.load(parts, signal, () => tell("voxels")).then(
    () => true,
    (fault) => {
      if (!signal.aborted) say({ words: fault.message, bad: true });
      return false;
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
  const { id } = choice;
  receiveDoubts(findings.doubts);
  asking = null;
  // The verdict appears together with the outlines that it is about.
  const arrived = await Promise.all(loading);
  if (id !== choice.id || open.findings === findings) return;
  const first = !open.findings;
  Object.assign(open, { findings, current: true });
  const [largest] = findings.regions;
  if (first && largest && !view.moved && view.plane === open.scene.plane) {
    goTo(largest.slice, false);
  }
  if (arrived.every(Boolean)) say(null);
  tell("findings");
  redraw();
}

on("truth", () => ask(0));
