// Ways in: the buttons, a drop anywhere, a paste, an example, several files at once.

import { ask, begin, send, untilHalted } from "./answers.js";
import { choice, config, find, findAll, on, open, sent, tell, view } from "./state.js";
import { showChoice, showTruth } from "./panel.js";
import { mayLeave } from "./review.js";
import { zipOf } from "./zip.js";

class Refusal extends Error {}

const say = (words, again = false) => tell("notice", { words, bad: true, again });
const UNSENT = "The file could not be sent: check that it is still there and that you are online, then try again.";
// The server answers in words; whatever the browser itself says is of no help.
const sayFault = (fault, again) => say(fault instanceof Refusal ? fault.message : UNSENT, again);

// Ends with the scan that it is for: what arrives later would stay on the server.
async function upload(file) {
  const { root, api_prefix: prefix = "" } = window.gradio_config ?? {};
  const body = new FormData();
  body.append("files", file, file.name);
  const response = await fetch(`${root ?? location.origin}${prefix}/upload`,
    { method: "POST", body, signal: untilHalted() });
  if (!response.ok) {
    // A proxy answers with a page of its own.
    const ours = response.headers.get("content-type")?.startsWith("text/plain");
    if (ours) throw new Refusal(await response.text());
    if (response.status === 413) throw new Refusal("The file is too large for this server: use a smaller one.");
    throw new Error(response.statusText);
  }
  const [path] = await response.json();
  sent.set(path, file);
  return path;
}

let again = null;

// What was sent for a scan goes with it.
on("opened", () => {
  again = null;
  for (const path of sent.keys()) if (![choice.scan, choice.truth].includes(path)) sent.delete(path);
});

const nameOf = (path) => {
  const name = path.split("/").at(-1);
  return name.replace(/(\.nii)?\.[^.]+$/, "") || name;
};

const showTab = (title) => findAll("#tabs [role=tab]")
  .find((one) => one.textContent.trim() === title)?.click();

// A scan that the server has already: a row of Batch, with the networks and the threshold of the row.
export function openScan({ scan, series, model, threshold }) {
  if (!mayLeave()) return;
  choice.model = model;
  choice.threshold = threshold && Number(threshold);
  showChoice();
  showTab("Scan");
  begin(scan, null, nameOf(scan), { series });
  // The row that had the focus is not in view any more.
  setTimeout(() => find("#pictures").focus());
}

async function openFile(file, { truth = null, series = null, name = nameOf(file.name) } = {}) {
  begin(null, null, name, { series });
  again = () => openFile(file, { truth, series, name });
  // The keys of the viewer are for who dropped or pasted it too.
  if (document.activeElement === document.body) find("#pictures").focus({ preventScroll: true });
  const { id } = choice;
  try {
    const paths = [await upload(file), truth && await upload(truth)];
    if (choice.id !== id) return;
    [choice.scan, choice.truth] = paths;
    showTruth();
    ask(0);
  } catch (fault) {
    if (choice.id === id) sayFault(fault, true);
  }
}

// What was cancelled or did not arrive, from the start; a review stays.
export function runAgain() {
  const { scan, truth, series, review } = choice;
  if (!scan && again) again();
  else begin(scan, truth, view.name, { series });
  choice.review = review;
}

// What the server does not have any more; a review stays.
export function resend() {
  const { scan, truth, series, review } = choice;
  openFile(sent.get(scan), { truth: sent.get(truth), series, name: view.name });
  choice.review = review;
}

async function openTruth(file) {
  const { id } = choice;
  if (!choice.scan) return say("Add the scan first, then its ground truth.");
  try {
    const path = await upload(file);
    if (choice.id !== id) return;
    choice.truth = path;
    showTruth();
    ask(0);
  } catch (fault) {
    if (choice.id === id) sayFault(fault);
  }
}

export function openExample(number, intro = false) {
  const example = config.examples[number];
  if (!example || (!intro && !mayLeave())) return;
  begin(example.scan, example.truth, example.title, { intro });
  // On a phone the examples lie below the picture.
  if (!intro) window.scrollTo({ top: 0 });
}

// Several files go to the tab that segments many.
function openMany(files) {
  showTab("Batch");
  setTimeout(() => {
    const input = find("#batch-scans input[type=file]");
    if (!input) {
      showTab("Scan");
      say("Clear the files in Batch first, and drop these again.");
      return;
    }
    const transfer = new DataTransfer();
    for (const file of files) transfer.items.add(file);
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }, 150);
}

async function isDicom(file) {
  return await file.slice(128, 132).text() === "DICM";
}

// What file managers and discs leave beside scans, as metaseg/scan/archive.py knows it.
const isWanted = ({ name }) => !name.startsWith(".")
  && !["DICOMDIR", "Thumbs.db", "desktop.ini"].includes(name);

// Several DICOM files are slices, and go to the viewer together.
async function take(given) {
  const files = given.length > 1 ? given.filter(isWanted) : given;
  if (!files.length) return;
  const many = files.length > 1;
  if (many && !(await Promise.all(files.map(isDicom))).every(Boolean)) return openMany(files);
  if (!mayLeave()) return;
  showTab("Scan");
  if (!many) return openFile(files[0]);
  const name = `${files.length} DICOM files`;
  begin(null, null, name);
  again = () => take(given);
  const { id } = choice;
  const file = await zipOf(files, `${name}.zip`);
  if (choice.id === id) openFile(file);
}

// All files of a drop, those in folders too.
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some(({ isDirectory }) => isDirectory)) return [...transfer.files];
  return (await Promise.all(entries.map(filesIn))).flat();
}

async function filesIn(entry) {
  if (entry.isFile) return [await new Promise((done, fail) => entry.file(done, fail))];
  const reader = entry.createReader();
  const found = [];
  for (;;) { // a folder is read some hundred entries at a time
    const more = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!more.length) break;
    found.push(...more);
  }
  return (await Promise.all(found.map(filesIn))).flat();
}

const carriesFiles = (event) => event.dataTransfer?.types?.includes("Files");
// Gradio's own fields, those of Batch, take their files themselves.
const elsewhere = (event) => event.target.closest?.("#batch-scans");

export function watchFiles() {
  let depth = 0;
  const show = () => document.documentElement.classList.toggle("dragging", depth > 0);
  document.addEventListener("dragenter", (event) => {
    if (carriesFiles(event)) depth += 1;
    show();
  });
  document.addEventListener("dragleave", (event) => {
    if (carriesFiles(event)) depth = Math.max(0, depth - 1);
    show();
  });
  document.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    depth = 0;
    show();
    if (!carriesFiles(event) || elsewhere(event)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.target.closest?.("#truth-row")) openTruth(event.dataTransfer.files[0]);
    else dropped(event.dataTransfer).then(take).catch(sayFault);
  }, true);
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files).catch(sayFault);
  });
  document.addEventListener("change", (event) => {
    const { target } = event;
    if (target.type !== "file" || !target.files.length) return;
    if (target.closest("#scan")) take([...target.files]).catch(sayFault);
    else if (target.closest("#ground-truth")) openTruth(target.files[0]);
    else return;
    // The same file may be chosen again.
    target.value = "";
  });
}

export function forgetTruth() {
  send("forget_truth");
  sent.delete(choice.truth);
  choice.truth = null;
  open.truthFor = undefined;
  showTruth();
  find("#ground-truth input").focus(); // its own button goes
  ask(0);
}
