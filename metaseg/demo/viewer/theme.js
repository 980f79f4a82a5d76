// Light or dark: the system's theme holds until the visitor chooses one.

const CHOSEN = "metaseg-theme";

function showTheme() {
  let theme = new URL(location.href).searchParams.get("__theme");
  try {
    theme ??= localStorage.getItem(CHOSEN);
  } catch { /* private windows forget */ }
  if (theme) document.body.classList.toggle("dark", theme === "dark");
}

export function watchTheme() {
  showTheme();
  // gradio follows the system in any case: what was chosen is shown after that.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTimeout(showTheme));
}

export function switchTheme() {
  const dark = document.body.classList.toggle("dark");
  try {
    localStorage.setItem(CHOSEN, dark ? "dark" : "light");
  } catch { /* private windows forget */ }
}
