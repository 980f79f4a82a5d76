// What is drawn over the outlines: the numbers of the regions, the chosen one, the brush, and the
// marks that say where one looks.

import { heldBack, inView, open, view } from "./state.js";
import { positionOf } from "./voxels.js";

const SCALE_BARS = [1, 2, 5, 10, 20, 50, 100];

// The number of each region, as the list has it, and corners around the chosen one.
export function drawRegions(context, screen) {
  const regions = heldBack() || !open.current ? [] : open.findings.regions.filter(inView);
  write(context, "left");
  for (const { number, box: [top, , , right] } of regions) {
    const { x, y } = screen.transformPoint({ x: right, y: top });
    context.fillText(number, x + 5, y - 7);
  }
  context.shadowBlur = 0;
  if (inView(view.selected)) drawCorners(context, screen, view.selected.box);
}

function write(context, align) {
  context.font = "600 13px system-ui, sans-serif";
  context.fillStyle = "#e8edf2";
  context.shadowColor = "#000";
  context.shadowBlur = 4;
  context.textBaseline = "middle";
  context.textAlign = align;
}

function drawCorners(context, screen, [top, bottom, left, right]) {
  const a = screen.transformPoint({ x: left, y: top });
  const b = screen.transformPoint({ x: right, y: bottom });
  const [x0, y0, x1, y1] = [a.x - 7, a.y - 7, b.x + 7, b.y + 7];
  const arm = Math.min(14, (x1 - x0) / 3, (y1 - y0) / 3);
  context.strokeStyle = "#fff";
  context.lineWidth = 2;
  context.beginPath();
  for (const [x, y, dx, dy] of [[x0, y0, 1, 1], [x1, y0, -1, 1], [x0, y1, 1, -1], [x1, y1, -1, -1]]) {
    context.moveTo(x + dx * arm, y);
    context.lineTo(x, y);
    context.lineTo(x, y + dy * arm);
  }
  context.stroke();
}

// The brush, or a cross where a click adds a lesion.
export function drawCursor(context, { x, y, scale }, aspect) {
  const [a, b] = [x + view.cursor[0] * scale, y + view.cursor[1] * scale * aspect];
  const radius = view.tool === "add" ? 6 : Math.max(2, view.brush * scale);
  context.strokeStyle = "#fff";
  context.lineWidth = 1.5;
  context.beginPath();
  if (view.tool === "add") {
    context.moveTo(a - radius, b);
    context.lineTo(a + radius, b);
    context.moveTo(a, b - radius);
    context.lineTo(a, b + radius);
  } else context.arc(a, b, radius, 0, 2 * Math.PI);
  context.stroke();
}

// Letters of the patient's sides, the slice's position and a scale bar.
export function drawMarks(context, { w, h, scale }, cut) {
  const { letters, mm, depth } = cut;
  write(context, "left");
  if (letters) {
    context.fillText(letters.left, 8, h / 2);
    context.textAlign = "right";
    context.fillText(letters.right, w - 8, h / 2);
    context.textAlign = "center";
    context.fillText(letters.top, w / 2, 40);
    context.fillText(letters.bottom, w / 2, h - 12);
  }
  if (depth > 1) {
    const words = [`${view.index + 1}/${depth}`, positionOf(open.scene, cut, view.index)];
    context.textAlign = "right";
    context.fillText(words.filter(Boolean).join(" · "), w - 8, h - 14);
  }
  if (mm) {
    const wanted = (w * 0.22 * mm) / scale;
    const size = SCALE_BARS.filter((bar) => bar <= wanted).pop();
    if (size) {
      const length = (size / mm) * scale;
      context.fillRect(10, h - 12, length, 3);
      context.textAlign = "left";
      context.fillText(size >= 10 ? `${size / 10} cm` : `${size} mm`, 10, h - 23);
    }
  }
  context.shadowBlur = 0;
}
