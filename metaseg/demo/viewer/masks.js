// Which voxels a network outlines at the present threshold: as metaseg/prediction.py and
// metaseg/findings/review.py decide, but at once.

import { chosenNetworks, on, open, thresholdOf } from "./state.js";
import { Voxels } from "./voxels.js";

export const STEPS = 200; // of the packed probabilities
const CLICK_RADIUS = 3;
const REACH = [32, 96, 96];
const LEAST = 0.02 * STEPS;
const shown = new Map();
const outlined = new Map();

on("voxels", forget);
on("opened", forget);
on("reviewed", () => shown.clear());

function forget() {
  shown.clear();
  outlined.clear();
}

// A pixel of probability 0 is never a lesion.
export const levelOf = (value) => Math.max(1, Math.ceil(value * STEPS - 1e-6));

function settingsOf(network) {
  const volume = open.scene.shape[0] > 1 ? network.volume : null;
  const threshold = thresholdOf(network);
  const { spacing } = open.scene;
  return {
    high: levelOf(threshold),
    low: levelOf(threshold * (volume?.growth ?? 1)),
    fewest: volume && spacing
      ? (volume.smallest_mm3 / spacing.reduce((a, b) => a * b)) * (1 - 1e-6) : 0,
  };
}

// The voxels that are connected with `seeds`, over faces, edges and corners, where `inside`.
function flood(seeds, inside, [depth, height, width], visited) {
  const found = [];
  const stack = [];
  const visit = (index) => {
    if (visited[index] || !inside(index)) return;
    visited[index] = 1;
    found.push(index);
    stack.push(index);
  };
  for (const seed of seeds) visit(seed);
  while (stack.length) {
    const index = stack.pop();
    const x = index % width;
    const y = Math.floor(index / width) % height;
    const z = Math.floor(index / (width * height));
    for (let c = Math.max(0, z - 1); c <= Math.min(depth - 1, z + 1); c += 1) {
      for (let b = Math.max(0, y - 1); b <= Math.min(height - 1, y + 1); b += 1) {
        for (let a = Math.max(0, x - 1); a <= Math.min(width - 1, x + 1); a += 1) {
          visit((c * height + b) * width + a);
        }
      }
    }
  }
  return found;
}

// What the network itself outlines: bytes that reach `level` where it does, and less elsewhere.
function outlinedBy(network) {
  const { high, low, fewest } = settingsOf(network);
  const voxels = open.networks.get(network.name);
  const kept = outlined.get(network.name);
  if (kept?.high === high && kept.low === low) return kept;
  let result = { voxels, level: high, high, low };
  if (low < high || fewest > 1) {
    const { data, shape } = voxels;
    const masked = new Voxels(shape);
    masked.data.set(data);
    const visited = new Uint8Array(data.length);
    for (let index = 0; index < data.length; index += 1) {
      if (data[index] < high || visited[index]) continue;
      const lesion = flood([index], (at) => data[at] >= low, shape, visited);
      if (lesion.length < fewest) for (const at of lesion) visited[at] = 2;
    }
    for (let index = 0; index < data.length; index += 1) {
      if (data[index] >= low && visited[index] !== 1) masked.data[index] = 0;
    }
    result = { voxels: masked, level: low, high, low };
  }
  outlined.set(network.name, result);
  return result;
}

// What the outlines depend on, besides the review.
export const settingsKey = () => ready().map((network) => {
  const { high, low } = settingsOf(network);
  return `${network.name} ${high} ${low}`;
}).join();

const ready = () => chosenNetworks().filter(({ name }) => open.networks.has(name));

// The region of all networks' lesions that holds a voxel: lesions that share voxels are one.
export function regionAt(index) {
  const own = ready().map(outlinedBy);
  const visited = own.map(({ voxels }) => new Uint8Array(voxels.data.length));
  const all = new Set();
  let seeds = [index];
  while (seeds.length) {
    const next = new Set();
    own.forEach(({ voxels, level }, number) => {
      const found = flood(seeds, (at) => voxels.data[at] >= level, voxels.shape, visited[number]);
      for (const at of found) {
        if (!all.has(at)) next.add(at);
        all.add(at);
      }
    });
    seeds = [...next];
  }
  return all;
}

// The region around a click: the voxels connected with the most probable one near it that reach
// half its probability, where nothing is outlined. Null where the networks see nothing.
export function grownAt([z, y, x], taken) {
  const maps = ready().map(({ name }) => open.networks.get(name).data);
  const [depth, height, width] = open.scene.shape;
  const at = (c, b, a) => (c * height + b) * width + a;
  if (taken(at(z, y, x))) return null;
  const mean = (index) =>
    (taken(index) ? 0 : maps.reduce((sum, data) => sum + data[index], 0) / maps.length);
  let best = { value: LEAST, index: null };
  for (let b = Math.max(0, y - CLICK_RADIUS); b <= Math.min(height - 1, y + CLICK_RADIUS); b += 1) {
    for (let a = Math.max(0, x - CLICK_RADIUS); a <= Math.min(width - 1, x + CLICK_RADIUS); a += 1) {
      const value = mean(at(z, b, a));
      if (value > best.value) best = { value, index: at(z, b, a) };
    }
  }
  if (best.index === null) return null;
  const near = (index) => {
    const c = Math.floor(index / (width * height));
    const b = Math.floor(index / width) % height;
    return Math.abs(c - z) <= REACH[0] && Math.abs(b - y) <= REACH[1]
      && Math.abs((index % width) - x) <= REACH[2];
  };
  const inside = (index) => mean(index) >= best.value / 2 && near(index);
  return flood([best.index], inside, [depth, height, width], new Uint8Array(depth * height * width));
}

// What is drawn for a network: what it outlines, as the visitor's review changes it.
export function shownOf(network) {
  const own = outlinedBy(network);
  const { review } = open;
  if (!review || review.isEmpty()) return own;
  // Rejected and added regions are those of all networks that are chosen.
  const key = `${network.name} ${settingsKey()} ${review.version}`;
  if (!shown.has(key)) {
    if (shown.size > 8) shown.clear();
    const voxels = new Voxels(own.voxels.shape);
    voxels.data.set(own.voxels.data);
    review.applyTo(voxels.data, own.level, STEPS);
    shown.set(key, { voxels, level: own.level });
  }
  return shown.get(key);
}

// The voxels of the drawn region that holds a voxel, after the review.
export function drawnAt(index) {
  const parts = ready().map(shownOf);
  const inside = (at) => parts.some(({ voxels, level }) => voxels.data[at] >= level);
  const { shape } = open.scene;
  return new Set(flood([index], inside, shape, new Uint8Array(shape[0] * shape[1] * shape[2])));
}

// Whether any of the chosen networks outlines a voxel itself.
export function anyOutlines(index) {
  return ready().some((network) => {
    const { voxels, level } = outlinedBy(network);
    return voxels.data[index] >= level;
  });
}

