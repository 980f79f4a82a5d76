// What a reload brings back. The tab's own storage holds names and choices, no voxel of a scan, and is
// gone with the tab; the server keeps the scan for a moment, for the tab that knows this secret.

import { choice, on, view } from "./state.js";

const LAST = "metaseg-last";
const TAB = "metaseg-tab";

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

export const nameTab = () => stored((storage) => {
  if (!storage.getItem(TAB)) storage.setItem(TAB, newSecret());
  choice.tab = storage.getItem(TAB);
});

export const recall = () => stored((storage) => JSON.parse(storage.getItem(LAST)));

on("opened", () => stored((storage) => storage.removeItem(LAST)));

on("findings", () => {
  if (view.intro || !choice.scan) return;
  const { scan, truth, model, threshold, review } = choice;
  const last = { scan, truth, model, threshold, review, name: view.name };
  stored((storage) => storage.setItem(LAST, JSON.stringify(last)));
});
