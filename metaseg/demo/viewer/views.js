// Compare, Explain and the call in Python: asked for when they are opened, and drawn anew when the
// slice, the network or the threshold changes.

import { send } from "./answers.js";
import { drawFigures } from "./figures.js";
import { choice, find, findAll, on, open } from "./state.js";

const PAUSE = 350;
let later = null;

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
      box.dataset.drawn = key;
      send("look", { view: box.dataset.view ?? "python" });
      // One at a time: the answer to this one brings the next.
      return;
    }
  }, PAUSE);
}

on("view", ({ view: name, html, store, text }) => {
  if (name === "python") find("#code").textContent = text;
  else {
    find("#store").innerHTML = store;
    find(`#${name}`).innerHTML = html;
    drawFigures();
  }
  look();
});

on("opened", () => {
  for (const box of findAll("#more details, #python")) delete box.dataset.drawn;
  for (const name of ["#compare", "#explain"]) find(name).textContent = "Drawing …";
});
on("findings", look);
on("slice", look);
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("#more details, #python")) look();
}, true);
