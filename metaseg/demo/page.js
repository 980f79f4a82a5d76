// What runs in the browser alone: appearance, zoom, selection, keys and theme.
(() => {
  "use strict";
  const root = document.documentElement;
  const look = { opacity: 35, outlined: false, contrast: 0, brightness: 50, split: 50 };
  const START = { ...look };
  const zoom = { factor: 1, x: 0.5, y: 0.5 };
  const MOST = 12;
  const THEME = "metaseg-theme";
  let selected = null;
  let arriving = false;
  let shown = { scan: "", numbering: "" };

  // ---- theme: dark unless the address or an earlier choice says otherwise
  function remembered() {
    try { return localStorage.getItem(THEME); } catch { return null; }
  }
  const address = new URL(location.href);
  if (!address.searchParams.has("__theme")) {
    address.searchParams.set("__theme", remembered() === "light" ? "light" : "dark");
    history.replaceState(null, "", address);
    setTheme(address.searchParams.get("__theme"));
  }
  function setTheme(theme) {
    document.body?.classList.toggle("dark", theme === "dark");
  }
  function switchTheme() {
    const theme = document.body.classList.contains("dark") ? "light" : "dark";
    setTheme(theme);
    const here = new URL(location.href);
    here.searchParams.set("__theme", theme);
    history.replaceState(null, "", here);
    try { localStorage.setItem(THEME, theme); } catch { /* private windows forget */ }
  }

  // ---- drawing: everything here may run at any time and changes only what differs
  const scans = () => document.querySelectorAll("svg.scan");
  function set(element, name, value) {
    if (element && element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
  }
  function draw() {
    const style = root.style;
    style.setProperty("--opacity", look.opacity / 100);
    root.classList.toggle("outlined", look.outlined);
    const width = 1 - 0.95 * (look.contrast / 100);
    const level = 1 - look.brightness / 100;
    root.classList.toggle("windowed", look.contrast > 0 || look.brightness !== 50);
    for (const channel of "RGB") {
      const part = document.querySelector(`#window feFunc${channel}`);
      set(part, "slope", 1 / width);
      set(part, "intercept", 0.5 - level / width);
    }
    for (const svg of scans()) {
      const [w, h] = [Number(svg.dataset.width), Number(svg.dataset.height)];
      const [vw, vh] = [w / zoom.factor, h / zoom.factor];
      set(svg, "viewBox", `${w * zoom.x - vw / 2} ${h * zoom.y - vh / 2} ${vw} ${vh}`);
      svg.classList.toggle("zoomed", zoom.factor > 1);
    }
    for (const rect of document.querySelectorAll("rect.after")) {
      set(rect, "x", (rect.dataset.width * look.split) / 100);
    }
    for (const line of document.querySelectorAll("line.divider")) {
      const x = (line.dataset.width * look.split) / 100;
      set(line, "x1", x);
      set(line, "x2", x);
    }
    for (const input of document.querySelectorAll("[data-setting]")) {
      const value = look[input.dataset.setting];
      if (input.type === "checkbox") input.checked = value;
      else if (Number(input.value) !== value) input.value = value;
    }
    const output = document.querySelector("[data-output=zoom]");
    const words = `${Math.round(zoom.factor * 100)} %`;
    if (output && output.textContent !== words) output.textContent = words;
    for (const element of document.querySelectorAll("[data-lesion]")) {
      const chosen = selected !== null && element.dataset.model === selected.model
        && element.dataset.lesion === selected.lesion;
      element.classList.toggle("selected", chosen);
      set(element.querySelector("button"), "aria-pressed", chosen);
    }
  }

  // After the server has drawn: another scan starts from the whole picture, and another threshold
  // may number the lesions anew.
  function drawn() {
    const { scan = "", numbering = "" } = document.querySelector("#outlines .beside")?.dataset ?? {};
    if (scan !== shown.scan) fit();
    if (scan !== shown.scan || numbering !== shown.numbering) selected = null;
    shown = { scan, numbering };
    if (selected && arriving) arrive();
    draw();
  }

  // ---- zoom
  function fit() { Object.assign(zoom, { factor: 1, x: 0.5, y: 0.5 }); }
  function zoomBy(times, x = zoom.x, y = zoom.y) {
    const factor = Math.min(MOST, Math.max(1, zoom.factor * times));
    const kept = zoom.factor / factor;
    moveTo(x + (zoom.x - x) * kept, y + (zoom.y - y) * kept, factor);
  }
  function moveTo(x, y, factor = zoom.factor) {
    const half = 0.5 / factor;
    const inside = (value) => Math.min(1 - half, Math.max(half, value));
    Object.assign(zoom, { factor, x: inside(x), y: inside(y) });
    draw();
  }
  // Where a pointer is in the slice, from 0 to 1.
  function place(svg, event) {
    const box = svg.getBoundingClientRect();
    return [
      zoom.x + ((event.clientX - box.left) / box.width - 0.5) / zoom.factor,
      zoom.y + ((event.clientY - box.top) / box.height - 0.5) / zoom.factor,
    ];
  }
  const pointers = new Map();
  let travelled = 0;
  document.addEventListener("pointerdown", (event) => {
    const svg = event.target.closest?.("svg.scan");
    if (!svg) return;
    pointers.set(event.pointerId, event);
    travelled = 0;
  });
  document.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    const svg = before?.target.closest("svg.scan");
    if (!svg) return;
    const box = svg.getBoundingClientRect();
    const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
    travelled += Math.hypot(dx, dy);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      zoomBy(apart(event) / Math.max(1, apart(before)), ...place(svg, other));
    } else if (zoom.factor > 1) {
      moveTo(zoom.x - dx / box.width / zoom.factor, zoom.y - dy / box.height / zoom.factor);
    }
    pointers.set(event.pointerId, event);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    document.addEventListener(name, (event) => pointers.delete(event.pointerId));
  }
  document.addEventListener("wheel", (event) => {
    const svg = event.target.closest?.("svg.scan");
    // Without a key the wheel scrolls the page, which only full screen does not have.
    if (!svg || !(event.ctrlKey || event.metaKey || document.fullscreenElement)) return;
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / 300), ...place(svg, event));
  }, { passive: false });
  document.addEventListener("dblclick", (event) => {
    const svg = event.target.closest?.("svg.scan");
    if (svg) zoomBy(2, ...place(svg, event));
  });
  async function fullScreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await document.querySelector("#results")?.requestFullscreen?.();
  }

  // ---- lesions
  function select(element) {
    const { model, lesion } = element.dataset;
    const again = selected?.model === model && selected?.lesion === lesion;
    selected = again ? null : { model, lesion };
    if (element.tagName === "TR") {
      fit();
      arriving = !again;
      const moves = !again && element.dataset.slice
        && step("#position", Number(element.dataset.slice));
      if (arriving && !moves) arrive();
    } else {
      document.querySelector(`tr${named(selected)}`)?.scrollIntoView({ block: "nearest" });
    }
    draw();
  }
  const named = (one) => `[data-model="${one?.model}"][data-lesion="${one?.lesion}"]`;
  // In a volume, the server sends the lesion's slice a moment later.
  function arrive() {
    const path = document.querySelector(`#outlines path${named(selected)}`);
    if (!path) return;
    arriving = false;
    zoomTo(path);
  }
  // Zoom until the lesion fills a quarter of the picture, but keep some surroundings visible.
  function zoomTo(path) {
    const { width, rows } = path.closest("svg.scan").dataset;
    const [left, top, right, bottom] = path.dataset.box.split(" ").map(Number);
    const share = Math.max((right - left) / width, (bottom - top) / rows);
    const factor = Math.min(4, Math.max(1, 0.25 / share));
    moveTo((left + right) / 2 / width, (top + bottom) / 2 / rows, factor);
  }

  // ---- sliders that the server reads
  function step(id, value) {
    const slider = document.querySelector(`${id} input[type=range]`);
    if (!slider || slider.offsetParent === null) return false;
    const kept = Math.min(Number(slider.max), Math.max(Number(slider.min), value));
    if (kept === Number(slider.value)) return false;
    const native = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value");
    native.set.call(slider, kept);
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    slider.dispatchEvent(new Event("change", { bubbles: true }));
    slider.dispatchEvent(new Event("pointerup", { bubbles: true }));
    return true;
  }
  const valueOf = (id) => Number(document.querySelector(`${id} input[type=range]`)?.value);

  // ---- events
  const ACTIONS = {
    in: () => zoomBy(1.5),
    out: () => zoomBy(1 / 1.5),
    reset: () => { Object.assign(look, START); fit(); draw(); },
    full: fullScreen,
    theme: switchTheme,
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-action]");
    if (button) return ACTIONS[button.dataset.action]();
    const lesion = event.target.closest?.("[data-lesion]");
    // A drag that ends on a lesion does not select it; the list is not dragged.
    if (lesion && (travelled < 5 || !lesion.closest("svg.scan"))) select(lesion);
  });
  document.addEventListener("input", (event) => {
    const setting = event.target.dataset?.setting;
    if (!setting) return;
    look[setting] = event.target.type === "checkbox" ? event.target.checked
      : Number(event.target.value);
    draw();
  });
  const KEYS = {
    ArrowLeft: () => step("#position", valueOf("#position") - 1),
    ArrowRight: () => step("#position", valueOf("#position") + 1),
    "[": () => step("#threshold", Math.round((valueOf("#threshold") - 0.05) * 100) / 100),
    "]": () => step("#threshold", Math.round((valueOf("#threshold") + 0.05) * 100) / 100),
    o: () => { look.outlined = !look.outlined; draw(); },
    "+": ACTIONS.in,
    "-": ACTIONS.out,
    0: () => { fit(); draw(); },
    f: fullScreen,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const writes = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
    if (event.target.closest?.(writes)) return;
    const chooses = "[role=tab], [type=radio]";
    if (event.key.startsWith("Arrow") && event.target.closest?.(chooses)) return;
    const action = scans().length && KEYS[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  document.addEventListener("metaseg:drawn", drawn);
})();
