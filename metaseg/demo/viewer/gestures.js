// Wheel, drag, pinch, swipe and click on the pictures.

import { find, on, open, redraw, tell, view } from "./state.js";
import { cut, frameOf, middle, placeOf } from "./stage.js";
import { goTo } from "./slices.js";

const MOST = 16;
const SWIPE = 24;
const pointers = new Map();
let travelled = 0;
let pinched = false;

export function fit() {
  Object.assign(view, { factor: 1, x: 0.5, y: 0.5 });
}

// Zoom by `times` around a place of the image, which stays where it is.
export function zoomBy(times, canvas = find("#pictures canvas"), place = null) {
  if (!open.scene || !canvas) return;
  const { width, height } = cut();
  const start = [middle()[0] / width, middle()[1] / height];
  const factor = Math.min(MOST, Math.max(1, view.factor * times));
  const [x, y] = place ? [place[0] / width, place[1] / height] : start;
  const kept = view.factor / factor;
  moveTo(x + (start[0] - x) * kept, y + (start[1] - y) * kept, factor);
}

export function moveTo(x, y, factor = view.factor) {
  const inside = (value) => Math.min(1, Math.max(0, value));
  Object.assign(view, { factor, x: inside(x), y: inside(y) });
  redraw();
}

export const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// By a share of what is in view.
export function panBy(dx, dy) {
  moveTo(view.x + (dx * 0.1) / view.factor, view.y + (dy * 0.1) / view.factor);
}

// Zoom until a box of the image fills a third of the picture, but keep surroundings visible.
export function zoomTo([top, bottom, left, right]) {
  const { crop, width, height } = cut();
  const share = Math.max((right - left) / (crop.right - crop.left),
    (bottom - top) / (crop.bottom - crop.top));
  const factor = Math.min(4, Math.max(1, 0.33 / share));
  moveTo((left + right) / 2 / width, (top + bottom) / 2 / height, factor);
}

function canvasOf(event) {
  return open.scene ? event.target.closest?.("#pictures canvas") : null;
}

function pressed(event) {
  const canvas = canvasOf(event);
  if (!canvas) return;
  if (event.pointerType !== "touch") canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, { canvas, x: event.clientX, y: event.clientY, start: event });
  travelled = 0;
  pinched = pointers.size > 1;
  if (pinched) tell("stroke-cancel");
  else tell("stroke-start", { event, place: placeOf(canvas, event) });
}

function moved(event) {
  const before = pointers.get(event.pointerId);
  if (!before) {
    const canvas = view.tool && canvasOf(event);
    if (canvas) tell("hover", placeOf(canvas, event));
    return;
  }
  // Another layout or scan took the picture away while the button was down.
  if (!before.canvas.isConnected) {
    pointers.delete(event.pointerId);
    tell("stroke-cancel");
    return;
  }
  const [dx, dy] = [event.clientX - before.x, event.clientY - before.y];
  travelled += Math.hypot(dx, dy);
  const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
  const { canvas } = before;
  if (other) {
    const apart = (x, y) => Math.max(1, Math.hypot(x - other.x, y - other.y));
    const middle = { clientX: (event.clientX + other.x) / 2, clientY: (event.clientY + other.y) / 2 };
    zoomBy(apart(event.clientX, event.clientY) / apart(before.x, before.y), canvas,
      placeOf(canvas, middle));
  } else if (event.buttons & 2) {
    windowBy(dx, dy);
  } else if (view.tool) {
    tell("stroke", { place: placeOf(canvas, event) });
  } else if (view.factor > 1) {
    pan(canvas, dx, dy);
  } else if (event.pointerType === "touch" && cut().depth > 1 && Math.abs(dx) > SWIPE) {
    goTo(view.index - Math.sign(dx));
  } else if (event.pointerType === "touch") {
    return;
  }
  Object.assign(before, { x: event.clientX, y: event.clientY });
}

function pan(canvas, dx, dy) {
  const { scale } = frameOf(canvas);
  const { width, height, aspect } = cut();
  moveTo(view.x - dx / scale / width, view.y - dy / scale / aspect / height);
}

// To the right for more contrast, up for more brightness.
export function windowBy(dx, dy) {
  const width = Math.min(510, Math.max(8, view.high - view.low - dx));
  const level = (view.high + view.low) / 2 + dy;
  view.low = Math.max(-255, level - width / 2);
  view.high = Math.min(510, level + width / 2);
  redraw();
}

function released(event) {
  const before = pointers.get(event.pointerId);
  pointers.delete(event.pointerId);
  if (!before) return;
  const there = before.canvas.isConnected;
  tell(there ? "stroke-end" : "stroke-cancel");
  if (!pointers.size) {
    const click = travelled < 5 && !pinched && event.type === "pointerup" && event.button === 0;
    if (click && there && !view.tool) tell("clicked", placeOf(before.canvas, event));
  }
}

let rolled = 0;

function wheeled(event) {
  const canvas = canvasOf(event);
  if (!canvas) return;
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / 300), canvas, placeOf(canvas, event));
  } else if (cut().depth > 1) {
    event.preventDefault();
    // Mice send about a hundred a notch, touchpads many small ones.
    rolled += event.deltaY * (event.deltaMode === 1 ? 33 : 1);
    const steps = Math.trunc(rolled / 60);
    if (steps) {
      rolled -= steps * 60;
      goTo(view.index + Math.sign(steps) * Math.min(3, Math.abs(steps)));
    }
  }
}

export function watchGestures() {
  document.addEventListener("pointerdown", pressed);
  document.addEventListener("pointermove", moved);
  document.addEventListener("pointerup", released);
  document.addEventListener("pointercancel", released);
  document.addEventListener("wheel", wheeled, { passive: false });
  document.addEventListener("dblclick", (event) => {
    const canvas = canvasOf(event);
    if (canvas && !view.tool) zoomBy(2, canvas, placeOf(canvas, event));
  });
  document.addEventListener("contextmenu", (event) => {
    if (canvasOf(event)) event.preventDefault();
  });
}

on("scene", () => Object.assign(view, { low: 0, high: 255 }));
