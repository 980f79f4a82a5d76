// The list of regions: which one is chosen, and a picture of each.

import { zoomTo } from "./gestures.js";
import { shownOf } from "./masks.js";
import { goTo, nextMarkedSlice, showPlane } from "./slices.js";
import { acquired } from "./stage.js";
import { chosenNetworks, find, findAll, heldBack, inView, on, open, redraw, view } from "./state.js";

export function select(number, arrive = true) {
  const region = open.findings?.regions.find((one) => one.number === number) ?? null;
  // Out of view, it is shown again.
  const again = inView(region) && view.selected?.number === number;
  view.selected = again ? null : region;
  if (view.selected && arrive) {
    show(region);
    find("#pictures").scrollIntoView({ block: "nearest" });
  } else if (again) {
    view.factor = 1;
  }
  showSelected();
  redraw();
}

function show(region) {
  if (view.plane !== open.scene.plane) showPlane(open.scene.plane);
  goTo(region.slice);
  zoomTo(region.box);
}

function showSelected() {
  for (const row of findAll("#regions [data-region]")) {
    const chosen = Number(row.dataset.region) === view.selected?.number;
    row.classList.toggle("selected", chosen);
    row.querySelector(".show").setAttribute("aria-pressed", String(chosen));
    if (chosen) reveal(row);
  }
}

// Scrolls the panel alone: on a phone it would be the page, and the picture would leave it.
function reveal(row) {
  const side = find(".side");
  const [own, around] = [row.getBoundingClientRect(), side.getBoundingClientRect()];
  if (own.bottom > around.bottom) side.scrollTop += own.bottom - around.bottom;
  else if (own.top < around.top) side.scrollTop -= around.top - own.top;
}

// The regions in the order of their slices, one after the other.
export function nextLesion() {
  if (!open.scene) return;
  const { regions = [] } = open.findings ?? {};
  if (view.plane !== open.scene.plane || !regions.length || heldBack()) return nextMarkedSlice();
  const order = [...regions].sort((a, b) => a.slice - b.slice || a.number - b.number);
  const next = inView(view.selected)
    ? order.findIndex(({ number }) => number === view.selected.number) + 1
    : order.findIndex(({ slice }) => slice >= view.index);
  view.selected = order[Math.max(next, 0) % order.length];
  show(view.selected);
  showSelected();
  redraw();
}

on("findings", () => {
  // The chosen region is known by its peak: its number may have changed.
  const peak = String(view.selected?.peak);
  const { regions } = open.findings;
  view.selected = heldBack() ? null : regions.find((one) => String(one.peak) === peak) ?? null;
  showSelected();
  thumbnails();
});

on("clicked", ([x, y]) => {
  if (view.plane !== open.scene.plane || !open.findings || heldBack()) return;
  const area = ({ box: [top, bottom, left, right] }) => (bottom - top) * (right - left);
  const [hit] = open.findings.regions
    .filter(inView)
    .filter(({ box: [top, bottom, left, right] }) => y >= top - 1 && y <= bottom + 1 && x >= left - 1 && x <= right + 1)
    .sort((a, b) => area(a) - area(b));
  if (hit) select(hit.number, false);
});

// A picture of each region in its own slice, with what the networks outline there.
function thumbnails() {
  if (!open.scene) return;
  for (const row of findAll("#regions [data-region]")) {
    const region = open.findings.regions.find(({ number }) => number === Number(row.dataset.region));
    if (region) drawThumbnail(row.querySelector("canvas"), region);
  }
}

function drawThumbnail(canvas, { box: [top, bottom, left, right], slice }) {
  const side = canvas.width;
  const { width, height, aspect } = acquired();
  const reach = Math.max(right - left, (bottom - top) * aspect, 16) * 0.9;
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  const bytes = open.grey.slice(acquired(), slice);
  const picture = new ImageData(side, side);
  const marked = chosenNetworks().filter(({ name }) => open.networks.has(name)).map((network) => {
    const { voxels, level } = shownOf(network);
    return { level, bytes: voxels.slice(acquired(), slice), rgb: network.colour.match(/\d+/g).map(Number) };
  });
  for (let row = 0, to = 0; row < side; row += 1) {
    for (let column = 0; column < side; column += 1, to += 4) {
      const u = Math.floor(x + ((column + 0.5) / side - 0.5) * 2 * reach);
      const v = Math.floor(y + (((row + 0.5) / side - 0.5) * 2 * reach) / aspect);
      const inside = u >= 0 && v >= 0 && u < width && v < height;
      const grey = inside ? bytes[v * width + u] : 0;
      const pixel = [grey, grey, grey];
      for (const { level, bytes: values, rgb } of marked) {
        if (!inside || values[v * width + u] < level) continue;
        rgb.forEach((value, channel) => { pixel[channel] = pixel[channel] * 0.65 + value * 0.35; });
      }
      picture.data.set([...pixel, 255], to);
    }
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

on("voxels", () => open.findings && thumbnails());

// The regions on the slice in view stand out in the list.
on("draw", () => {
  for (const row of findAll("#regions [data-region]")) {
    const number = Number(row.dataset.region);
    const region = open.findings?.regions.find((one) => one.number === number);
    row.classList.toggle("here", Boolean(inView(region)));
  }
});
