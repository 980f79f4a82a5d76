// What a visitor takes away: downloads and the printable report.

import { send, untilHalted } from "./answers.js";
import { choice, find, findAll, on, tell } from "./state.js";

const FIRST = ["zip", "report", "dicom"];
const NOT_ARRIVED = "The report did not arrive: check that you are online, then try again.";
// What is asked for, the first of them under way: the server makes one at a time.
let wanted = [];
let number = 0;
// The address of the last report.
let report = "";

export function offer(downloads, panels) {
  const button = ([kind, label]) => {
    const one = document.createElement("button");
    Object.assign(one, { type: "button", id: `take-${kind}`, textContent: label });
    one.dataset.take = kind;
    return one;
  };
  const offered = JSON.stringify([downloads, panels]);
  if (find("#handover").dataset.offered === offered) return;
  find("#handover").dataset.offered = offered;
  const all = Object.entries(downloads);
  const isFirst = ([kind]) => FIRST.includes(kind);
  find("#takes").replaceChildren(...all.filter(isFirst).reverse().map(button));
  find("#more-takes div").replaceChildren(...all.filter((one) => !isFirst(one)).map(button));
  find("#figure-panels div").replaceChildren(...Object.entries(panels).map(panelChoice));
}

// At first the figure shows each thing in a panel of its own.
function panelChoice([name, title]) {
  const label = document.createElement("label");
  const box = document.createElement("input");
  Object.assign(box, { type: "checkbox", value: name, checked: name !== "together" });
  label.append(box, ` ${title}`);
  return label;
}

document.addEventListener("change", ({ target }) => {
  if (!target.closest?.("#figure-panels")) return;
  for (const button of findAll("[data-take^=figure]")) button.disabled = !find("#figure-panels :checked");
});

export function takeAway(kind) {
  if (wanted.some(({ take }) => take === kind)) return;
  number += 1;
  find(`#take-${kind}`).setAttribute("aria-busy", "true");
  const panels = findAll("#figure-panels :checked").map((box) => box.value);
  // What waits is of the state in which it was asked for.
  wanted.push({ ...choice, take: kind, number, panels });
  if (wanted.length === 1) send("take", { taken: wanted[0] });
}

function settle() {
  const { take } = wanted.shift();
  find(`#take-${take}`)?.removeAttribute("aria-busy");
  if (wanted.length) send("take", { taken: wanted[0] });
}

on("opened", () => {
  for (const { take } of wanted) find(`#take-${take}`)?.removeAttribute("aria-busy");
  wanted = [];
  URL.revokeObjectURL(report);
});
document.addEventListener("metaseg:untaken", () => wanted.length && settle());

on("parcel", async (parcel) => {
  if (parcel.number !== wanted[0]?.number) return;
  settle();
  const url = new URL(parcel.url, `${window.gradio_config?.root ?? location.origin}/`);
  if (parcel.kind === "report" && await openReport(url)) return;
  // If the browser blocks the window, the report is downloaded.
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: parcel.name });
  link.click();
});

// Null if the browser blocks the window.
async function openReport(url) {
  const signal = untilHalted();
  try {
    const response = await fetch(url, { signal });
    if (!response.ok) throw new Error(response.statusText);
    const page = await response.blob();
    URL.revokeObjectURL(report);
    report = URL.createObjectURL(page);
    return window.open(report);
  } catch {
    if (!signal.aborted) tell("notice", { words: NOT_ARRIVED, bad: true });
    return true;
  }
}
