// Lines around what reaches a level, by marching squares (Lorensen and Cline 1987) between the
// centres of the pixels, as metaseg/findings/outlines.py draws them.

// The box of the pixels of `values` that reach `level`: [left, top, right, bottom], or null.
function boxOf(values, width, height, level) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 1) {
      if (values[at] < level) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
    }
  }
  return right < 0 ? null : [left, top, right, bottom];
}

// Closed lines [[x, y], ...] around the pixels of `values` that reach the whole number `level`.
// A pixel's own centre lies at its index plus one half.
export function ringsOf(values, width, height, level) {
  const box = boxOf(values, width, height, level);
  if (!box) return [];
  // Slightly below: a pixel that just reaches the level lies inside.
  const line = level - 0.02;
  const value = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : values[y * width + x]);
  // Every edge between two neighbours has a number: even ones run along a row, odd ones down.
  const across = width + 2;
  const rowEdge = (x, y) => 2 * ((y + 1) * across + x + 1);
  const next = new Map();
  for (let y = box[1] - 1; y <= box[3]; y += 1) {
    for (let x = box[0] - 1; x <= box[2]; x += 1) {
      const corners = [value(x, y), value(x + 1, y), value(x + 1, y + 1), value(x, y + 1)];
      const kind = corners.reduce((sum, one, bit) => sum + (one > line ? 1 << bit : 0), 0);
      if (kind === 0 || kind === 15) continue;
      const edges = [rowEdge(x, y), rowEdge(x + 1, y) + 1, rowEdge(x, y + 1), rowEdge(x, y) + 1];
      const middle = (corners[0] + corners[1] + corners[2] + corners[3]) / 4 > line;
      for (const [from, to] of segments(kind, middle)) next.set(edges[from], edges[to]);
    }
  }
  const place = (edge) => {
    const cell = edge >> 1;
    const [x, y] = [(cell % across) - 1, Math.floor(cell / across) - 1];
    const [dx, dy] = edge % 2 ? [0, 1] : [1, 0];
    const [a, b] = [value(x, y), value(x + dx, y + dy)];
    const share = (line - a) / (b - a);
    return [x + 0.5 + dx * share, y + 0.5 + dy * share];
  };
  const rings = [];
  while (next.size) {
    const ring = [];
    let edge = next.keys().next().value;
    while (next.has(edge)) {
      ring.push(place(edge));
      const following = next.get(edge);
      next.delete(edge);
      edge = following;
    }
    rings.push(ring);
  }
  return rings;
}

// From edge to edge (top, right, bottom, left), what reaches the level lying to the left.
const SEGMENTS = {
  1: [[3, 0]], 2: [[0, 1]], 3: [[3, 1]], 4: [[1, 2]], 6: [[0, 2]], 7: [[3, 2]], 8: [[2, 3]],
  9: [[2, 0]], 11: [[2, 1]], 12: [[1, 3]], 13: [[1, 0]], 14: [[0, 3]],
};

function segments(kind, middle) {
  if (kind === 5) return middle ? [[1, 0], [3, 2]] : [[3, 0], [1, 2]];
  if (kind === 10) return middle ? [[0, 3], [2, 1]] : [[0, 1], [2, 3]];
  return SEGMENTS[kind];
}

export function pathOf(rings) {
  const path = new Path2D();
  for (const ring of rings) {
    ring.forEach(([x, y], number) => (number ? path.lineTo(x, y) : path.moveTo(x, y)));
    path.closePath();
  }
  return path;
}
