// Compare, Explain and the call in Python: asked for when they are opened, and drawn anew when the
// slice, the network or the threshold changes.

import { send } from "./answers.js";
import { drawFigures } from "./figures.js";
import { choice, find, findAll, on, open } from "./state.js";

const PAUSE = 350;
const UNSEEN = "This could not be drawn: close it, and open it again.";
let later = null;
// The box that waits for its answer, and what was asked for.
let waiting = null;

const opened = () => findAll("#more details[open], #python[open]").filter(
  (box) => !box.closest("[hidden]"));

function look() {
  clearTimeout(later);
  later = setTimeout(() => {
    for (const box of opened()) {
      // A view of what is not there yet would run the networks a second time.
      if (box.dataset.view && !open.current) continue;
      const wanted = [choice.id, choice.model, choice.threshold, choice.position, choice.truth,
        Boolean(choice.review)];
      const key = JSON.stringify(wanted);
      if (box.dataset.drawn === key) continue;
      // One at a time: the answer to this one brings the next.
      if (waiting?.box === box && waiting.key === key) return;
      waiting = { box, key };
      // What has to wait is of the state in which it was asked for.
      send("look", { looked: { ...choice, view: box.dataset.view ?? "python", key } });
      return;
    }
  }, PAUSE);
}

on("view", ({ view: name, html, text, key }) => {
  if (name === "python") find("#code").textContent = text;
  else {
    find(`#${name}`).innerHTML = html;
    drawFigures();
  }
  find(name === "python" ? "#python" : `#${name}-box`).dataset.drawn = key;
  if (waiting?.key === key) waiting = null;
  look();
});

document.addEventListener("metaseg:unseen", () => {
  if (!waiting) return;
  Object.assign(waiting.box.dataset, { drawn: waiting.key, unseen: "" });
  waiting.box.querySelector(".view, pre").textContent = UNSEEN;
  waiting = null;
  look();
});

on("opened", () => {
  waiting = null;
  for (const box of findAll("#more details, #python")) delete box.dataset.drawn;
  for (const name of ["#compare", "#explain"]) find(name).textContent = "Drawing …";
});
on("findings", look);
on("slice", look);
document.addEventListener("toggle", (event) => {
  if (!event.target.matches?.("#more details, #python")) return;
  const { open: isOpen, dataset } = event.target;
  if (!isOpen && dataset.unseen !== undefined) {
    delete dataset.unseen;
    delete dataset.drawn;
  }
  look();
}, true);
