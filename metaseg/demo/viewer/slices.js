// Which slice is in view: stepping, planes, and the strip that marks slices with lesions.

import { choice, chosenNetworks, config, find, findAll, heldBack, on, open, redraw, tell, view } from "./state.js";
import { shownOf } from "./masks.js";
import { cut } from "./stage.js";
import { positionOf, toCut } from "./voxels.js";

export function goTo(index, byVisitor = true) {
  if (!open.scene) return;
  const kept = Math.min(cut().depth - 1, Math.max(0, index));
  if (byVisitor) view.moved = true;
  if (kept === view.index) return;
  view.index = kept;
  if (view.plane === open.scene.plane) choice.position = kept;
  redraw();
  tell("slice");
}

// Every plane opens at the chosen region, or the largest one, or the middle.
export function showPlane(plane) {
  if (!open.scene?.codes || plane === view.plane) return;
  const region = view.selected ?? (heldBack() ? null : open.findings?.regions?.[0]);
  view.plane = plane;
  const [top, bottom, left, right] = region?.box ?? [0, 0, 0, 0];
  const voxel = region
    ? [Math.floor((left + right) / 2), Math.floor((top + bottom) / 2), region.slice]
    : open.scene.shape.map((size) => Math.floor(size / 2)).reverse();
  Object.assign(view, { index: toCut(cut(), voxel)[2], factor: 1 });
  if (plane === open.scene.plane) choice.position = view.index;
  redraw();
  tell("slice");
}

// Slices that a network marks, at its present threshold.
function markedBy(network) {
  const { voxels, level } = shownOf(network);
  return voxels.peaksOf(cut()).reduce(
    (found, peak, index) => (peak >= level ? [...found, index] : found), []);
}

function rowsOfMarks() {
  const rows = chosenNetworks().filter(({ name }) => !heldBack() && open.networks.has(name)).map(
    (network) => ({ colour: network.colour, slices: markedBy(network) }));
  if (open.truth) {
    const slices = [...open.truth.peaksOf(cut()).keys()].filter(
      (index) => open.truth.peaksOf(cut())[index]);
    rows.push({ colour: config.truth, slices });
  }
  return rows;
}

// The middle of each run of marked slices, in order.
function lesionSlices() {
  const marked = [...new Set(rowsOfMarks().flatMap(({ slices }) => slices))].sort((a, b) => a - b);
  const runs = marked.reduce((found, index) => {
    const last = found.at(-1);
    if (last && index === last.at(-1) + 1) last.push(index);
    else found.push([index]);
    return found;
  }, []);
  return runs.map((run) => run[Math.floor(run.length / 2)]);
}

// Where no region can be chosen: in another plane, before the verdict, or while it is held back.
export function nextMarkedSlice() {
  const slices = lesionSlices();
  goTo(slices.find((index) => index > view.index) ?? slices[0] ?? view.index);
}

// The slice where most is outlined: there the viewer opens.
export function fullestSlice() {
  const [network] = chosenNetworks().filter(({ name }) => open.networks.has(name));
  if (!network) return null;
  const { voxels, level } = shownOf(network);
  let best = { area: 0, index: null };
  for (const index of markedBy(network)) {
    const bytes = voxels.slice(cut(), index);
    const area = bytes.reduce((sum, value) => sum + (value >= level), 0);
    if (area > best.area) best = { area, index };
  }
  return best.index;
}

on("draw", () => {
  const strip = find("#strip");
  if (!strip || !open.scene) return;
  const { depth } = cut();
  strip.hidden = depth < 2;
  find("#planes").hidden = !open.scene.codes || open.scene.shape[0] < 2;
  for (const button of findAll("#planes [data-plane]")) {
    button.setAttribute("aria-pressed", String(button.dataset.plane === view.plane));
  }
  if (depth < 2) return;
  const slider = find("#position");
  slider.max = depth - 1;
  if (Number(slider.value) !== view.index) slider.value = view.index;
  const where = positionOf(open.scene, cut(), view.index);
  slider.setAttribute("aria-valuetext", `Slice ${view.index + 1} of ${depth} ${where}`);
  find("#where").textContent = [`${view.index + 1} / ${depth}`, where].filter(Boolean).join(" · ");
  drawStrip(find("#marks"), depth);
});

function drawStrip(canvas, depth) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
  Object.assign(canvas, { width: w, height: h });
  const context = canvas.getContext("2d");
  const rows = rowsOfMarks();
  rows.forEach(({ colour, slices }, number) => {
    context.fillStyle = colour;
    for (const index of slices) {
      context.fillRect((index / depth) * w, (number * h) / rows.length,
        Math.max(2, w / depth), h / rows.length - 1);
    }
  });
  find("#next-lesion").disabled = !rows.some(({ slices }) => slices.length);
}
