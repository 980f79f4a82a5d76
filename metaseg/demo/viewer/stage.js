// The pictures: one canvas for each, all with the same slice, zoom and window.

import { drawCursor, drawMarks, drawRegions } from "./annotations.js";
import { equalise } from "./clahe.js";
import { pathOf, ringsOf } from "./contours.js";
import { shownOf } from "./masks.js";
import { chosenNetworks, config, find, heldBack, on, open, redraw, view } from "./state.js";
import { cutsOf } from "./voxels.js";

const TRUTH = { name: "truth", title: "Ground truth", dash: [] };
let shown = [];
let cuts = {};
const lines = new Map();
const grey = { key: "", canvas: document.createElement("canvas") };
const levels = { key: "", bytes: null };

export const cut = () => cuts[view.plane];
// The cut along the slices of the source.
export const acquired = () => cuts[open.scene.plane];
export const panels = () => shown;

on("scene", () => {
  cuts = cutsOf(open.scene);
  view.plane = open.scene.plane;
  view.index = Math.floor(cut().depth / 2);
  forgetLines();
});
on("voxels", forgetLines);

function forgetLines() {
  lines.clear();
  grey.key = "";
  levels.key = "";
  redraw();
}

// ---- which pictures there are

function layers() {
  const truth = open.truth ? [TRUTH] : [];
  const held = heldBack();
  const networks = chosenNetworks().filter(({ name }) => !held && open.networks.has(name));
  if (view.layout === "one") return [{ title: "", drawn: [...truth, ...networks] }];
  const pictures = [{ title: "Image", drawn: [] }];
  if (open.truth) pictures.push({ title: "Ground truth", drawn: truth });
  // It has its place before its outlines come, so that nothing moves when they do.
  if (!held) pictures.push({ title: "Prediction", drawn: networks });
  return pictures;
}

function build(pictures) {
  const box = find("#pictures");
  while (box.children.length > pictures.length) box.lastElementChild.remove();
  while (box.children.length < pictures.length) {
    const figure = document.createElement("figure");
    figure.append(document.createElement("canvas"), document.createElement("figcaption"));
    figure.firstElementChild.setAttribute("role", "img");
    box.append(figure);
  }
  shown = pictures.map((picture, number) => {
    const [canvas, caption] = box.children[number].children;
    label(picture, canvas, caption);
    return { ...picture, canvas };
  });
  arrange(box, pictures.length);
}

function label(picture, canvas, caption) {
  const legend = picture.drawn.map((layer) => {
    const item = document.createElement("span");
    const sample = document.createElement("i");
    sample.style.setProperty("--colour", layer.colour ?? config.truth);
    sample.className = layer.dash.length ? "line dashed" : "line";
    item.append(sample, layer.title);
    return item;
  });
  const title = document.createElement("b");
  title.textContent = picture.title || view.name;
  const words = picture.title === "Image" ? [title, ` ${view.name}`] : [title];
  const key = [picture.title, view.name, ...picture.drawn.map(({ name }) => name)].join("|");
  if (caption.dataset.key !== key) {
    caption.replaceChildren(...words, ...(picture.title === TRUTH.title ? [] : legend));
    caption.dataset.key = key;
  }
  const names = picture.drawn.map(({ title: name }) => name).join(", ");
  const where = cut().depth > 1 ? `, slice ${view.index + 1} of ${cut().depth}` : "";
  const spoken = `${picture.title || "All outlines"}: ${view.name}${where}`
    + (names ? `, outlines of ${names}` : "");
  if (canvas.getAttribute("aria-label") !== spoken) canvas.setAttribute("aria-label", spoken);
}

// Three pictures are one large one, with the outlines, and two small ones beside or below it.
function arrange(box, count) {
  const { width, height } = box.getBoundingClientRect();
  const { left, right, top, bottom } = cut().crop;
  const shape = (right - left) / ((bottom - top) * cut().aspect);
  const wide = width / height > shape;
  box.classList.toggle("wide", count === 3 && wide);
  box.classList.toggle("tall", count === 3 && !wide);
  box.classList.toggle("stacked", count === 2 && !wide);
}

// ---- geometry: image coordinates are columns and rows of the slice

// What is in the middle of each picture.
export function middle() {
  const { crop, width, height } = cut();
  return view.factor === 1
    ? [(crop.left + crop.right) / 2, (crop.top + crop.bottom) / 2]
    : [view.x * width, view.y * height];
}

export function frameOf(canvas) {
  const { crop, aspect } = cut();
  const [w, h] = [canvas.clientWidth, canvas.clientHeight];
  const fit = Math.min(w / (crop.right - crop.left), h / ((crop.bottom - crop.top) * aspect));
  const scale = fit * view.factor;
  const [x, y] = middle();
  return { scale, w, h, x: w / 2 - x * scale, y: h / 2 - y * scale * aspect };
}

// Whether a place of the image is within the pictures.
export function inSight([x, y]) {
  const frame = frameOf(find("#pictures canvas"));
  const [left, top] = [frame.x + x * frame.scale, frame.y + y * frame.scale * cut().aspect];
  return left >= 0 && top >= 0 && left <= frame.w && top <= frame.h;
}

// A pointer's place in the image.
export function placeOf(canvas, event) {
  const box = canvas.getBoundingClientRect();
  const frame = frameOf(canvas);
  return [
    (event.clientX - box.left - frame.x) / frame.scale,
    (event.clientY - box.top - frame.y) / frame.scale / cut().aspect,
  ];
}

// ---- drawing

function linesOf(layer) {
  const { voxels, level } = layer === TRUTH ? { voxels: open.truth, level: 1 } : shownOf(layer);
  const key = `${voxels.number} ${level} ${view.plane} ${view.index}`;
  if (!lines.has(key)) {
    if (lines.size > 60) lines.clear();
    const { width, height } = cut();
    lines.set(key, pathOf(ringsOf(voxels.slice(cut(), view.index), width, height, level)));
  }
  return lines.get(key);
}

// Kept while the window is dragged, which changes none of them.
function levelsOf(width, height) {
  const key = `${view.plane} ${view.index} ${view.enhanced}`;
  if (levels.key !== key) {
    const plain = open.grey.slice(cut(), view.index);
    const bytes = view.enhanced ? equalise(plain, width, height, config.clahe) : plain;
    Object.assign(levels, { key, bytes });
  }
  return levels.bytes;
}

function slicePicture() {
  const { width, height } = cut();
  const key = `${view.plane} ${view.index} ${view.low} ${view.high} ${view.enhanced}`;
  if (grey.key === key) return grey.canvas;
  const bytes = levelsOf(width, height);
  const span = Math.max(1, view.high - view.low);
  const table = Uint8ClampedArray.from({ length: 256 },
    (_, level) => ((level - view.low) * 255) / span);
  const picture = new ImageData(width, height);
  const pixels = new Uint32Array(picture.data.buffer);
  for (let at = 0; at < bytes.length; at += 1) {
    pixels[at] = 0xff000000 | (table[bytes[at]] * 0x010101);
  }
  Object.assign(grey.canvas, { width, height });
  grey.canvas.getContext("2d").putImageData(picture, 0, 0);
  grey.key = key;
  return grey.canvas;
}

function drawPicture({ canvas, drawn }) {
  const ratio = window.devicePixelRatio || 1;
  const frame = frameOf(canvas);
  const [w, h] = [Math.round(frame.w * ratio), Math.round(frame.h * ratio)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const context = canvas.getContext("2d");
  const { width, height, aspect } = cut();
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = "#000";
  context.fillRect(0, 0, frame.w, frame.h);
  context.imageSmoothingQuality = "high";
  context.drawImage(slicePicture(), frame.x, frame.y, width * frame.scale,
    height * frame.scale * aspect);
  const screen = new DOMMatrix([frame.scale, 0, 0, frame.scale * aspect, frame.x, frame.y]);
  for (const layer of drawn) {
    const onScreen = new Path2D();
    onScreen.addPath(linesOf(layer), screen);
    drawLines(context, onScreen, layer.colour ?? config.truth, layer.dash, drawn.length);
  }
  if (drawn.length) drawRegions(context, screen);
  if (view.tool && view.cursor) drawCursor(context, frame, aspect);
  drawMarks(context, frame, cut());
}

function drawLines(context, path, colour, dash, layersHere) {
  context.lineJoin = "round";
  if (!view.outlined) {
    context.globalAlpha = view.opacity / 100 / (layersHere > 1 ? 1.6 : 1);
    context.fillStyle = colour;
    context.fill(path, "evenodd");
  }
  context.globalAlpha = 0.55;
  context.lineWidth = 3.6;
  context.strokeStyle = "#000";
  context.setLineDash([]);
  if (!dash.length) context.stroke(path);
  context.globalAlpha = 1;
  context.lineWidth = 2;
  context.strokeStyle = colour;
  context.setLineDash(dash);
  context.stroke(path);
  context.setLineDash([]);
}

on("draw", () => {
  if (!open.scene || !find("#pictures")?.clientWidth) return;
  build(layers());
  for (const picture of shown) drawPicture(picture);
});

