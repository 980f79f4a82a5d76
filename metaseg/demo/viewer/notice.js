// What is said over the pictures.

import { find, on } from "./state.js";

let brief = null;

on("notice", (notice) => {
  const box = find("#notice");
  box.hidden = !notice;
  if (!notice) return;
  box.classList.toggle("bad", Boolean(notice.bad));
  find("#notice-words").textContent = notice.words;
  find("#notice-words").setAttribute("role", notice.bad ? "alert" : "status");
  find("#notice-bar").hidden = notice.share === undefined;
  find("#notice-bar i").style.width = `${Math.round((notice.share ?? 0) * 100)}%`;
  find("#cancel").hidden = !notice.busy && !notice.again;
  find("#cancel").textContent = notice.again ? "Run again" : "Cancel";
  find("#cancel").dataset.action = notice.again ? "again" : "cancel";
  find("#choices").replaceChildren(...(notice.choices ?? []).map(choiceButton));
  clearTimeout(brief);
  if (notice.brief) brief = setTimeout(() => { box.hidden = true; }, 4000);
});

// One of several scans in a file, by its number from 1.
function choiceButton(description, index) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.choice = index + 1;
  button.textContent = description;
  return button;
}
