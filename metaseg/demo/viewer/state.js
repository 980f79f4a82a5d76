// What the visitor chose and what is open: shared by all parts of the viewer.

export const config = {};

// Sent to the server. What an answer says of a scan holds for all questions about it; what it says of
// network, threshold and review holds for the question with its number alone.
export const choice = {
  id: 0, question: 0, scan: null, series: null, truth: null, model: "", threshold: null, position: null,
  review: null, tab: "",
};

// Known to the browser alone.
export const view = {
  name: "", intro: true, layout: "side", plane: "", index: 0, moved: false, selected: null,
  factor: 1, x: 0.5, y: 0.5, low: 0, high: 255, enhanced: false, opacity: 25,
  outlined: false, anyway: false, tool: null, brush: 4, cursor: null,
};

// The open scan: `scene` describes it, the rest are voxels.
export const open = { scene: null, grey: null, truth: null, networks: new Map(), complete: new Set(),
  findings: null, current: false, review: null, doubts: [] };

// The files that were sent, by their paths on the server: what it loses can be sent again.
export const sent = new Map();

// What may be no brain MRI shows no result until the visitor wants it anyway.
export const heldBack = () => open.doubts.length > 0 && !view.anyway;

// Whether `region` lies on the slice in view.
export const inView = (region) => region && view.plane === open.scene?.plane
  && view.index >= region.first && view.index <= region.last;

export function chosenNetworks() {
  const names = choice.model === config.both ? config.compared : [choice.model];
  return config.networks.filter((network) => names.includes(network.name));
}

// The threshold at which a network is drawn: its own until the slider is moved.
export function thresholdOf(network) {
  return choice.threshold ?? network.threshold;
}

export const find = (selector) => document.querySelector(selector);
export const findAll = (selector) => [...document.querySelectorAll(selector)];

const heard = new Map();

export function on(name, callback) {
  heard.set(name, [...(heard.get(name) ?? []), callback]);
}

export function tell(name, detail) {
  for (const callback of heard.get(name) ?? []) callback(detail);
}

let waiting = false;

// All drawing happens once, before the next frame.
export function redraw() {
  if (waiting) return;
  waiting = true;
  // A page in the background has no frames, and its visitor comes back to a finished picture.
  const soon = document.hidden ? (draw) => setTimeout(draw, 50) : requestAnimationFrame;
  soon(() => {
    waiting = false;
    tell("draw");
  });
}
