// Volumes of bytes that arrive in parts, and planes cut through them.

const PAIRS = ["RL", "AP", "SI"];
const other = (letter) => {
  const pair = PAIRS.find((both) => both.includes(letter));
  return pair.replace(letter, "");
};

let made = 0;

export class Voxels {
  constructor(shape) {
    made += 1;
    this.number = made; // tells volumes of the same name apart
    this.shape = shape;
    this.data = new Uint8Array(shape[0] * shape[1] * shape[2]);
    this.peaks = new Map();
  }

  // Fetches `parts` one after another; `arrived` hears of each.
  async load(parts, signal, arrived) {
    const slice = this.shape[1] * this.shape[2];
    this.own ??= new Uint8Array(this.shape[0]);
    for (const { first, depth, url } of parts) {
      this.data.set(await fetchBytes(url, signal), first * slice);
      for (let index = first; index < first + depth; index += 1) {
        this.own[index] = peakOf(this.data.subarray(index * slice, (index + 1) * slice));
      }
      this.peaks.clear();
      arrived();
    }
  }

  // The bytes of slice `index` of a `cut`.
  slice(cut, index) {
    const start = cut.origin + index * cut.deep;
    if (isAcquired(cut)) {
      return this.data.subarray(start, start + cut.width * cut.height);
    }
    const found = new Uint8Array(cut.width * cut.height);
    for (let y = 0, to = 0; y < cut.height; y += 1) {
      let from = start + y * cut.down;
      for (let x = 0; x < cut.width; x += 1, from += cut.across) found[to++] = this.data[from];
    }
    return found;
  }

  // The largest byte of each slice of a `cut`.
  peaksOf(cut) {
    if (this.own && isAcquired(cut)) return this.own;
    if (!this.peaks.has(cut.plane)) {
      this.peaks.set(cut.plane, Uint8Array.from({ length: cut.depth },
        (_, index) => peakOf(this.slice(cut, index))));
    }
    return this.peaks.get(cut.plane);
  }
}

const isAcquired = (cut) => cut.across === 1 && cut.down === cut.width && cut.deep > 0;

function peakOf(bytes) {
  let most = 0;
  for (let at = 0; at < bytes.length; at += 1) if (bytes[at] > most) most = bytes[at];
  return most;
}

async function fetchBytes(url, signal) {
  const root = window.gradio_config?.root ?? location.origin;
  const response = await fetch(new URL(url, `${root}/`), { signal });
  if (!response.ok) throw new Error(await response.text());
  const stream = response.body.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The planes of a scene: as it was acquired, and the two others where it knows its orientation.
export function cutsOf(scene) {
  const [depth, height, width] = scene.shape;
  const [deepMm, downMm, acrossMm] = scene.spacing ?? [1, scene.aspect, 1];
  const [top, bottom, left, right] = scene.box;
  const axes = [
    { size: width, stride: 1, mm: acrossMm, range: [left, right] },
    { size: height, stride: width, mm: downMm, range: [top, bottom] },
    { size: depth, stride: width * height, mm: deepMm, range: [0, depth] },
  ];
  if (!scene.codes || depth === 1) {
    const codes = scene.codes?.[scene.plane];
    return { [scene.plane]: cutOf(scene, scene.plane, axes, codes, codes) };
  }
  const own = scene.codes[scene.plane];
  return Object.fromEntries(Object.entries(scene.codes).map(
    ([plane, codes]) => [plane, cutOf(scene, plane, axes, own, codes)]));
}

function cutOf(scene, plane, axes, own, codes) {
  const turned = [0, 1, 2].map((number) => {
    if (!own) return { ...axes[number], axis: number, flipped: false };
    const axis = own.findIndex((code) => code === codes[number] || code === other(codes[number]));
    const { size, range } = axes[axis];
    const flipped = own[axis] !== codes[number];
    const turnedRange = flipped ? [size - range[1], size - range[0]] : range;
    return { ...axes[axis], axis, flipped, range: turnedRange };
  });
  const [across, down, deep] = turned;
  const step = (axis) => (axis.flipped ? -axis.stride : axis.stride);
  const origin = turned.reduce(
    (sum, axis) => sum + (axis.flipped ? (axis.size - 1) * axis.stride : 0), 0);
  return {
    plane, origin, turned,
    width: across.size, height: down.size, depth: deep.size,
    across: step(across), down: step(down), deep: step(deep),
    aspect: plane === scene.plane ? scene.aspect : down.mm / across.mm,
    mm: scene.spacing ? across.mm : null,
    crop: { left: across.range[0], right: across.range[1], top: down.range[0],
      bottom: down.range[1] },
    letters: codes && { right: codes[0], left: other(codes[0]), bottom: codes[1],
      top: other(codes[1]) },
  };
}

// A voxel [column, row, slice] of the scan as [x, y, index] of a `cut`, and back.
export function toCut(cut, voxel) {
  return cut.turned.map(({ axis, flipped, size }) =>
    flipped ? size - 1 - voxel[axis] : voxel[axis]);
}

export function fromCut(cut, place) {
  const voxel = [0, 0, 0];
  cut.turned.forEach(({ axis, flipped, size }, number) => {
    voxel[axis] = flipped ? size - 1 - place[number] : place[number];
  });
  return voxel;
}

// Where slice `index` lies in the patient, in words such as "S 34 mm".
export function positionOf(scene, cut, index) {
  if (!scene.affine) return "";
  const voxel = fromCut(cut, [(cut.width - 1) / 2, (cut.height - 1) / 2, index]);
  const deep = cut.turned[2].axis;
  const letters = scene.codes[scene.plane][deep];
  const row = PAIRS.findIndex((pair) => pair.includes(letters));
  const mm = scene.affine[row][3]
    + voxel.reduce((sum, value, axis) => sum + value * scene.affine[row][axis], 0);
  const [positive, negative] = ["RL", "AP", "SI"][row];
  return `${mm < 0 ? negative : positive} ${Math.abs(mm).toFixed(0)} mm`;
}
