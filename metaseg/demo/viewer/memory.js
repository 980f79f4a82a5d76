// What a reload brings back. Names and choices lie in the tab's own storage from the moment the page
// goes until the next one starts, so that a copy of the tab has none of them. The server keeps the
// scan for a moment, for the tab that knows this secret.

import { choice, view } from "./state.js";

const LAST = "metaseg-last";

// Some browsers refuse storage to pages within pages; a reload then starts anew.
function stored(work) {
  try {
    return work(sessionStorage);
  } catch {
    return null;
  }
}

function newSecret() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// What was open before a reload, or null.
export function recall() {
  const last = stored((storage) => {
    const text = storage.getItem(LAST);
    storage.removeItem(LAST);
    return JSON.parse(text);
  });
  const [entry] = performance.getEntriesByType("navigation");
  const known = entry?.type === "reload" ? last : null;
  choice.tab = known?.tab ?? newSecret();
  return known;
}

window.addEventListener("pagehide", () => {
  const { scan, series, truth, model, threshold, review, tab } = choice;
  if (!scan || view.intro) return;
  const last = { scan, series, truth, model, threshold, review, tab, name: view.name };
  stored((storage) => storage.setItem(LAST, JSON.stringify(last)));
});
