// Small helpers: elements, icons, words for times and sizes.

/** An element: `h("button", {class: "x", onclick: f, "aria-label": "y"}, "text", child)`. */
export function h(tag, props = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "muted" || name === "srcObject") el[name] = value;
    else if (name === "style") Object.assign(el.style, value);
    else el.setAttribute(name, value === true ? "" : value);
  }
  put(el, ...children);
  return el;
}

/** Replace what is in `el`. */
export function fill(el, ...children) {
  el.replaceChildren();
  put(el, ...children);
  return el;
}

function put(el, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) el.append(child);
  }
}

const PATHS = {
  play: "M7 4.5v15l12-7.5z",
  pause: "M7 5h3.5v14H7zM13.5 5H17v14h-3.5z",
  back: "M18 5 9 12l9 7zM6 5h1.8v14H6z",
  forward: "m6 5 9 7-9 7zM16.2 5H18v14h-1.8z",
  loop: "M4 12a6 6 0 0 1 6-6h7M14 3l3 3-3 3M20 12a6 6 0 0 1-6 6H7M10 21l-3-3 3-3",
  swap: "M4 8h15M15 4l4 4-4 4M20 16H5M9 12l-4 4 4 4",
  zoom: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13ZM15.5 15.5 20 20M7.5 10.5h6M10.5 7.5v6",
  sun: "M12 7.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9ZM12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M5 5l1.8 1.8M17.2 17.2 19 19M5 19l1.8-1.8M17.2 6.8 19 5",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5Z",
  film: "M3.5 5h17v14h-17zM8 5v14M16 5v14M3.5 9.5H8M3.5 14.5H8M16 9.5h4.5M16 14.5h4.5",
  wave: "M4 10v4M8 7v10M12 4v16M16 8v8M20 10.5v3",
  record: "M12 6.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11Z",
  camera: "M3.5 7h11v10h-11zM14.5 10.5 20.5 7v10l-6-3.5",
  mic: "M12 3.5a2.5 2.5 0 0 1 2.5 2.5v5a2.5 2.5 0 0 1-5 0V6A2.5 2.5 0 0 1 12 3.5ZM6 11a6 6 0 0 0 12 0M12 17v3.5M8.5 20.5h7",
  trash: "M5 7h14M10 4h4M7 7l.8 13h8.4L17 7M10 10.5v6M14 10.5v6",
  download: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 19.5h14",
  share: "M9 13.5a3.5 3.5 0 0 0 5 0l3.5-3.5a3.5 3.5 0 0 0-5-5L11 6.5M15 10.5a3.5 3.5 0 0 0-5 0L6.5 14a3.5 3.5 0 0 0 5 5l1.5-1.5",
  check: "m5 12.5 4.5 4.5L19 7.5",
  alert: "M12 4 21 19.5H3zM12 10v4.5M12 16.5v.8",
  again: "M19.5 12a7.5 7.5 0 1 1-2.2-5.3L20 9.5M20 4v5.5h-5.5",
  copy: "M9 9h10.5v10.5H9zM5 15H4.5V4.5H15V5",
  close: "m6 6 12 12M18 6 6 18",
  search: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13ZM15.5 15.5 20 20",
  image: "M3.5 5h17v14h-17zM3.5 16l5-5 4.5 4.5 2.5-2.5 5 5M15 9.2h.01",
  text: "M5 6h14M12 6v13M9 19h6",
  flag: "M6 21V4h11l-2 4 2 4H6",
};
const SOLID = new Set(["play", "pause", "back", "forward"]);

/** A line icon; always beside words or in a button with a label. */
export function icon(name, size = 18) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const attributes = { viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true", class: "icon" };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  path.setAttribute("class", SOLID.has(name) ? "solid" : "line");
  svg.append(path);
  return svg;
}

/** Told to screen readers. */
export function announce(text) {
  const place = document.getElementById("announce");
  if (place.textContent !== text) place.textContent = text;
}

/** 75.24 -> "1:15.24". */
export function clock(time_s) {
  const hundredths = Math.round(100 * Math.max(0, time_s || 0));
  return `${Math.floor(hundredths / 6000)}:${((hundredths % 6000) / 100).toFixed(2).padStart(5, "0")}`;
}

/** About how long, for people: "12 s", "3 min". */
export function roughly(time_s) {
  if (!Number.isFinite(time_s)) return "";
  if (time_s < 1) return "1 s";
  if (time_s < 90) return `${Math.round(time_s)} s`;
  if (time_s < 5400) return `${Math.round(time_s / 60)} min`;
  return `${(time_s / 3600).toFixed(1)} h`;
}

/** A length of media: "6.0 s", "1 min 12 s". */
export function length(time_s) {
  if (!Number.isFinite(time_s)) return "";
  if (time_s < 59.95) return `${time_s.toFixed(1)} s`;
  const whole = Math.round(time_s);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

export function bytes(n) {
  if (n < 1e6) return `${Math.max(1, Math.round(n / 1e3))} kB`;
  return n < 1e9 ? `${(n / 1e6).toFixed(1)} MB` : `${(n / 1e9).toFixed(2)} GB`;
}

export function usd(n) {
  return `${n < 0 ? "−" : ""}$${Math.abs(n).toFixed(n !== 0 && Math.abs(n) < 0.1 ? 3 : 2)}`;
}

/** "21 Nov, 08:12" in the reader's own way. */
export function when(iso) {
  return new Date(iso).toLocaleString(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}

/** At most `n` characters of it, none of them half. */
export function shortened(text, n) {
  const characters = [...text];
  return characters.length > n ? `${characters.slice(0, n - 1).join("").trimEnd()}…` : text;
}

/** Something that is told beside a field or in a card: kind is "info", "warn" or "bad". */
export function notice(kind, ...children) {
  return h("div", { class: `notice ${kind}`, role: kind === "bad" ? "alert" : null },
    icon(kind === "info" ? "check" : "alert"), h("div", {}, ...children));
}

/** Puts what `read()` gives on the clipboard. */
export function copyButton(read) {
  const button = h("button", { type: "button", class: "secondary copy", onclick: async () => {
    try {
      await navigator.clipboard.writeText(read());
      fill(button, icon("check"), "Copied");
      announce("Copied");
    } catch {
      fill(button, icon("copy"), "Select and copy");
    }
    setTimeout(() => fill(button, icon("copy"), "Copy"), 1600);
  } }, icon("copy"), "Copy");
  return button;
}
