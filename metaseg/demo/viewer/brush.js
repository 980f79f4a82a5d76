// The brush, the eraser and the click that adds a lesion, by mouse, finger and keys.

import { choice, find, findAll, heldBack, on, redraw, tell, view } from "./state.js";
import { add, beginStroke } from "./review.js";
import { MOVES, moveTo } from "./gestures.js";
import { cut, inSight, middle } from "./stage.js";
import { fromCut } from "./voxels.js";

const NOTHING_HERE = "The networks see nothing at this place: paint the lesion instead.";
let stroke = null;
// A click adds when it ends: it may be the first finger of a pinch.
let adding = null;
let last = null;

export function chooseTool(tool) {
  view.tool = view.tool === tool || heldBack() ? null : tool;
  view.cursor = null;
  for (const button of findAll("[data-tool]")) {
    button.setAttribute("aria-pressed", String(button.dataset.tool === view.tool));
  }
  find("#pictures").classList.toggle("drawing", Boolean(view.tool));
  find("#brush-size").hidden = !view.tool || view.tool === "add";
  find("#tool-words").textContent = {
    paint: "Drag over the picture to paint, or move with the arrow keys and press Space.",
    erase: "Drag over the picture to erase, or move with the arrow keys and press Space.",
    add: "Click a lesion that was missed, or move with the arrow keys and press Space.",
  }[view.tool] ?? "";
  redraw();
}

// A tool goes with the bar that shows it.
const putAway = () => view.tool && chooseTool(view.tool);
on("opened", putAway);
on("withdrawn", putAway);
on("doubts", () => heldBack() && putAway());

function voxelAt([x, y]) {
  const { width, height } = cut();
  const [a, b] = [Math.floor(x), Math.floor(y)];
  if (a < 0 || b < 0 || a >= width || b >= height) return null;
  return fromCut(cut(), [a, b, view.index]).reverse();
}

// All pixels within the brush's radius of a place, on the slice in view.
function dab([x, y]) {
  const { aspect } = cut();
  const radius = view.brush;
  const rows = radius / aspect;
  for (let b = Math.floor(y - rows); b <= y + rows; b += 1) {
    for (let a = Math.floor(x - radius); a <= x + radius; a += 1) {
      const away = Math.hypot(a + 0.5 - x, (b + 0.5 - y) * aspect);
      const inside = away <= radius || (a === Math.floor(x) && b === Math.floor(y));
      const voxel = inside && voxelAt([a, b]);
      if (voxel) stroke.mark(voxel);
    }
  }
}

function drag(place) {
  const [dx, dy] = last ? [place[0] - last[0], place[1] - last[1]] : [0, 0];
  const steps = Math.max(1, Math.ceil(Math.hypot(dx, dy * cut().aspect) / (view.brush / 2)));
  for (let step = 1; step <= steps; step += 1) {
    const share = step / steps;
    dab(last ? [last[0] + dx * share, last[1] + dy * share] : place);
  }
  last = place;
  stroke.show();
}

function start(place) {
  if (view.tool === "add") {
    adding = voxelAt(place);
    return;
  }
  stroke = beginStroke(view.tool === "erase");
  last = null;
  drag(place);
}

function end() {
  if (adding && !add(adding)) tell("notice", { words: NOTHING_HERE, brief: true });
  adding = null;
  stroke?.end();
  stroke = null;
}

on("stroke-start", ({ event, place }) => {
  if (view.tool && event.button === 0 && event.isPrimary && choice.scan) start(place);
});
on("stroke", ({ place }) => {
  view.cursor = place;
  if (stroke) drag(place);
});
on("stroke-end", end);
on("stroke-cancel", () => {
  adding = null;
  stroke?.cancel();
  stroke = null;
});
on("hover", (place) => {
  view.cursor = place;
  redraw();
});

// With a tool and the focus on the pictures, arrows move its cursor and Space uses it.
export function useKey(event) {
  if (!view.tool) return false;
  if (event.key === "Escape") {
    chooseTool(null);
    return true;
  }
  if (!event.target.closest?.("#pictures")) return false;
  view.cursor ??= middle();
  if (MOVES[event.key]) {
    const far = event.shiftKey ? 10 : 2;
    const { crop, width, height } = cut();
    const [left, right, top, bottom] = view.factor > 1 ? [0, width, 0, height]
      : [crop.left, crop.right, crop.top, crop.bottom];
    const within = (at, low, high) => Math.min(high - 0.5, Math.max(low + 0.5, at));
    const [dx, dy] = MOVES[event.key];
    const [x, y] = view.cursor;
    view.cursor = [within(x + far * dx, left, right), within(y + far * dy, top, bottom)];
    if (inSight(view.cursor)) redraw();
    else moveTo(view.cursor[0] / width, view.cursor[1] / height);
    return true;
  }
  if (event.key !== " " && event.key !== "Enter") return false;
  start(view.cursor);
  end();
  return true;
}
