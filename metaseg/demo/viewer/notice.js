// What is said over the pictures.

import { find, on } from "./state.js";

// What a notice offers, by its kind.
const BUTTONS = [["lost", "resend", "Send again"], ["again", "again", "Run again"],
  ["busy", "cancel", "Cancel"], ["bad", "close", "Close"]];
let brief = null;
let lasting = null;

on("notice", (notice) => {
  if (!notice?.brief) lasting = notice;
  show(notice);
});

function show(notice) {
  const held = find("#notice").contains(document.activeElement) && document.activeElement;
  write(notice);
  // Whoever pressed a button that is gone goes on at the pictures.
  if (held && !held.offsetParent) find("#pictures").focus({ preventScroll: true });
}

function write(notice) {
  const box = find("#notice");
  box.hidden = !notice;
  if (!notice) return;
  box.classList.toggle("bad", Boolean(notice.bad));
  find("#notice-words").textContent = notice.words;
  find("#notice-words").setAttribute("role", notice.bad ? "alert" : "status");
  find("#notice-bar").hidden = notice.share === undefined;
  find("#notice-bar i").style.width = `${Math.round((notice.share ?? 0) * 100)}%`;
  const [action, words] = BUTTONS.find(([kind]) => notice[kind])?.slice(1) ?? [];
  find("#cancel").hidden = !action;
  find("#cancel").textContent = words ?? "";
  find("#cancel").dataset.action = action ?? "";
  find("#choices").replaceChildren(...(notice.choices ?? []).map(choiceButton));
  clearTimeout(brief);
  // What waits for the visitor comes back.
  if (notice.brief) brief = setTimeout(() => show(lasting?.again ? lasting : null), 4000);
}

// One of several scans in a file, by its number from 1.
function choiceButton(description, index) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.choice = index + 1;
  button.textContent = description;
  return button;
}
