// What the visitor changes in the networks' result: regions rejected and added, voxels painted and
// erased, as metaseg/findings/review.py reads it. Every change can be undone.

import { ask } from "./answers.js";
import { anyOutlines, drawnAt, grownAt, regionAt, settingsKey } from "./masks.js";
import { choice, on, open, redraw, tell } from "./state.js";

const NOTHING = { rejected: [], added: [], painted: new Map(), erased: new Map() };

class Review {
  constructor(shape) {
    Object.assign(this, { shape, now: NOTHING, before: [], after: [], version: 0, known: {} });
  }

  isEmpty() {
    const { rejected, added, painted, erased } = this.now;
    return !(rejected.length || added.length || painted.size || erased.size);
  }

  // Each state is a new object; only the slices that a stroke touches are copied.
  become(state) {
    this.before.push(this.now);
    this.after = [];
    this.show(state);
  }

  show(state) {
    this.now = state;
    this.version += 1;
    tell("reviewed");
    redraw();
  }

  step(from, to) {
    if (!from.length || this.drawing) return false;
    to.push(this.now);
    this.show(from.pop());
    return true;
  }

  indexOf([z, y, x]) {
    return (z * this.shape[1] + y) * this.shape[2] + x;
  }

  placeOf(index) {
    const [, height, width] = this.shape;
    return [Math.floor(index / (width * height)), Math.floor(index / width) % height, index % width];
  }

  // The voxels that the rejections take away and the clicks add, at the present threshold.
  regions() {
    const key = `${settingsKey()} ${this.version}`;
    if (this.known.key !== key) {
      const gone = new Set();
      for (const voxel of this.now.rejected) {
        for (const at of regionAt(this.indexOf(voxel))) gone.add(at);
      }
      const taken = (at) => anyOutlines(at) && !gone.has(at);
      const added = this.now.added.map((voxel) => new Set(grownAt(voxel, taken) ?? []));
      const grown = new Set(added.flatMap((region) => [...region]));
      this.known = { key, gone, added, grown };
    }
    return this.known;
  }

  // Changes `data`, in which what reaches `level` is outlined and `most` is the most.
  applyTo(data, level, most) {
    const { gone, grown } = this.regions();
    for (const at of gone) data[at] = 0;
    for (const at of grown) data[at] = Math.max(data[at], level);
    const area = this.shape[1] * this.shape[2];
    const fill = (slices, value) => {
      for (const [slice, marks] of slices) {
        marks.forEach((marked, at) => { if (marked) data[slice * area + at] = value; });
      }
    };
    fill(this.now.painted, most);
    fill(this.now.erased, 0);
  }

  toJson() {
    if (this.isEmpty()) return null;
    const strokes = (slices) => [...slices]
      .map(([slice, marks]) => ({ slice, runs: runsOf(marks) }))
      .filter(({ runs }) => runs.length);
    const { rejected, added, painted, erased } = this.now;
    return JSON.stringify({ shape: this.shape, rejected, added, painted: strokes(painted),
      erased: strokes(erased) });
  }
}

// The first pixel and the number of pixels of each run of marked ones.
function runsOf(marks) {
  const runs = [];
  for (let at = 0; at < marks.length; at += 1) {
    if (!marks[at]) continue;
    const start = at;
    while (marks[at]) at += 1;
    runs.push([start, at - start]);
  }
  return runs;
}

function fromJson(text, [, height, width]) {
  const { painted, erased, ...regions } = JSON.parse(text);
  const marksOf = (strokes) => new Map(strokes.map(({ slice, runs }) => {
    const marks = new Uint8Array(height * width);
    for (const [start, count] of runs) marks.fill(1, start, start + count);
    return [slice, marks];
  }));
  return { ...regions, painted: marksOf(painted), erased: marksOf(erased) };
}

const reviewed = () => open.review && !open.review.isEmpty();

// Whether what is open may be left: a review is work that comes back with the same tab alone.
export const mayLeave = (asked = "Open another scan?") => !reviewed()
  || window.confirm(`${asked} The review of this one will be lost.`);

// A page cannot tell a reload, which brings the review back, from a close or Back, which loses it.
window.addEventListener("beforeunload", (event) => reviewed() && event.preventDefault());

on("scene", () => {
  open.review = new Review(open.scene.shape);
  // A reload brings a review with it; one step takes back all of it.
  if (choice.review) open.review.become(fromJson(choice.review, open.scene.shape));
  else tell("reviewed");
});

// A review that a reload brought is there before the voxels are.
on("voxels", () => { if (open.review) open.review.known = {}; });

function changed() {
  choice.review = open.review.toJson();
  ask();
}

export function reject(peak) {
  const { review } = open;
  const { rejected, added, painted } = review.now;
  const region = drawnAt(review.indexOf(peak));
  const { gone, added: grown } = review.regions();
  // What the networks outline of it is rejected, and what a person drew of it is taken back.
  const outlined = [];
  const seen = new Set(gone);
  for (const at of region) {
    if (seen.has(at) || !anyOutlines(at)) continue;
    const whole = regionAt(at);
    for (const one of whole) seen.add(one);
    outlined.push(whole.has(review.indexOf(peak)) ? peak : review.placeOf(at));
  }
  const kept = added.filter((_, number) => ![...grown[number]].some((at) => region.has(at)));
  const left = without(painted, region);
  const drawn = kept.length < added.length || left.changed;
  // The server may see more than the browser, which rounds.
  if (!outlined.length && !drawn) outlined.push(peak);
  review.become({ ...review.now, rejected: [...rejected, ...outlined], added: kept,
    painted: left.slices });
  changed();
}

function without(painted, region) {
  const area = open.review.shape[1] * open.review.shape[2];
  let changed_ = false;
  const slices = new Map([...painted].map(([slice, marks]) => [slice, marks.map((marked, at) => {
    const taken = marked && region.has(slice * area + at);
    changed_ ||= Boolean(taken);
    return taken ? 0 : marked;
  })]));
  return { slices, changed: changed_ };
}

// A region may have been rejected several times: in parts, at another threshold.
export function restore(voxels) {
  const { review } = open;
  const back = new Set(voxels.map((voxel) => review.indexOf(voxel)));
  const rejected = review.now.rejected.filter((voxel) => !back.has(review.indexOf(voxel)));
  review.become({ ...review.now, rejected });
  changed();
}

// A region around a voxel; false where the networks see nothing, or where one is already.
export function add(voxel) {
  const { review } = open;
  const { gone, grown } = review.regions();
  const taken = (at) => (anyOutlines(at) && !gone.has(at)) || grown.has(at);
  if (!grownAt(voxel, taken)) return false;
  review.become({ ...review.now, added: [...review.now.added, voxel] });
  changed();
  return true;
}

// A stroke changes its own copy of each slice; `mark` is told each voxel [z, y, x].
export function beginStroke(erases) {
  const { review } = open;
  const copies = new Map();
  const state = { ...review.now, painted: new Map(review.now.painted),
    erased: new Map(review.now.erased) };
  review.become(state);
  review.drawing = true;
  const own = (name, slice) => {
    const key = `${name} ${slice}`;
    if (!copies.has(key)) {
      const area = review.shape[1] * review.shape[2];
      copies.set(key, Uint8Array.from(state[name].get(slice) ?? new Uint8Array(area)));
      state[name].set(slice, copies.get(key));
    }
    return copies.get(key);
  };
  const [on_, off] = erases ? ["erased", "painted"] : ["painted", "erased"];
  return {
    mark([z, y, x]) {
      const at = y * review.shape[2] + x;
      own(on_, z)[at] = 1;
      if (state[off].has(z)) own(off, z)[at] = 0;
    },
    show: () => review.show(state),
    end() {
      if (!copies.size) {
        this.cancel();
        return;
      }
      review.drawing = false;
      changed();
    },
    cancel() {
      review.drawing = false;
      review.show(review.before.pop());
    },
  };
}

export const undo = () => open.review?.step(open.review.before, open.review.after) && changed();
export const redo = () => open.review?.step(open.review.after, open.review.before) && changed();
