// Before the first paint: the theme that was chosen here, if one was. Nothing else is kept in this browser.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("theme");
  } catch {
    // storage is closed to us: the system's theme it is
  }
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
})();
