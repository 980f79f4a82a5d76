// Light or dark: the system's theme holds until a link or the visitor chooses one.

const CHOSEN = "metaseg-theme";
let theme = null;

const show = () => theme && document.body.classList.toggle("dark", theme === "dark");

export function watchTheme() {
  theme = new URL(location.href).searchParams.get("__theme");
  try {
    theme ??= localStorage.getItem(CHOSEN);
  } catch { /* private windows forget */ }
  show();
  // gradio follows the system in any case: what was chosen is shown after that.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTimeout(show));
}

export function switchTheme() {
  theme = document.body.classList.contains("dark") ? "light" : "dark";
  show();
  try {
    localStorage.setItem(CHOSEN, theme);
  } catch { /* private windows forget */ }
}
