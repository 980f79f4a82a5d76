// The drawn figures of Compare and Explain: zoom that all share, and the line between before and
// after.

import { findAll } from "./state.js";

const MOST = 12;
const zoom = { factor: 1, x: 0.5, y: 0.5 };
let split = 50;
let held = null;

function set(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

function draw() {
  for (const svg of findAll("svg.scan")) {
    const [left, top, w, h] = svg.dataset.view.split(" ").map(Number);
    const [vw, vh] = [w / zoom.factor, h / zoom.factor];
    const [x, y] = [left + w * zoom.x - vw / 2, top + h * zoom.y - vh / 2];
    set(svg, "viewBox", `${x} ${y} ${vw} ${vh}`);
    svg.classList.toggle("zoomed", zoom.factor > 1);
  }
  const at = ({ dataset: { left, width } }) => Number(left) + (width * split) / 100;
  for (const rect of findAll("rect.after")) set(rect, "x", at(rect));
  for (const line of findAll("line.divider")) {
    set(line, "x1", at(line));
    set(line, "x2", at(line));
  }
}

function moveTo(x, y, factor = zoom.factor) {
  const half = 0.5 / factor;
  const inside = (value) => Math.min(1 - half, Math.max(half, value));
  Object.assign(zoom, { factor, x: inside(x), y: inside(y) });
  draw();
}

function zoomBy(times, svg, event) {
  const box = svg.getBoundingClientRect();
  const x = zoom.x + ((event.clientX - box.left) / box.width - 0.5) / zoom.factor;
  const y = zoom.y + ((event.clientY - box.top) / box.height - 0.5) / zoom.factor;
  const factor = Math.min(MOST, Math.max(1, zoom.factor * times));
  const kept = zoom.factor / factor;
  moveTo(x + (zoom.x - x) * kept, y + (zoom.y - y) * kept, factor);
}

const scanOf = (event) => event.target.closest?.("svg.scan");

document.addEventListener("wheel", (event) => {
  const svg = scanOf(event);
  if (!svg || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  zoomBy(Math.exp(-event.deltaY / 300), svg, event);
}, { passive: false });
// The way back as well: a finger has no wheel.
document.addEventListener("dblclick", (event) => scanOf(event)
  && zoomBy(zoom.factor > 1 ? 1 / zoom.factor : 2, scanOf(event), event));
document.addEventListener("pointerdown", (event) => {
  held = scanOf(event) && { svg: scanOf(event), x: event.clientX, y: event.clientY };
});
document.addEventListener("pointermove", (event) => {
  if (!held || zoom.factor === 1) return;
  const box = held.svg.getBoundingClientRect();
  moveTo(zoom.x - (event.clientX - held.x) / box.width / zoom.factor,
    zoom.y - (event.clientY - held.y) / box.height / zoom.factor);
  Object.assign(held, { x: event.clientX, y: event.clientY });
});
document.addEventListener("pointerup", () => { held = null; });
document.addEventListener("input", (event) => {
  if (event.target.dataset?.setting !== "split") return;
  split = Number(event.target.value);
  draw();
});

// New figures start from what is set.
export function drawFigures() {
  for (const input of findAll("[data-setting=split]")) input.value = split;
  draw();
}
