// The frame of the page: who is signed in, which view the address asks for, dark or light.
import { api, whenSignedOut } from "./api.js";
import { announce, fill, h, icon, notice, usd } from "./dom.js";

const main = document.getElementById("main");
const nav = document.getElementById("nav");
const visitor = { now: null };
let leave = () => {};
let unsent = null; // what somebody was at when their session ended: {who, address, draft}

const VIEWS = [
  [/^\/$/, "New video", async () => (await import("./compose.js")).compose],
  [/^\/jobs\/([0-9a-f]{32})$/, "Video", async () => (await import("./job.js")).jobView],
  [/^\/history$/, "History", async () => (await import("./history.js")).history],
  [/^\/operator$/, "Operator", async () => (await import("./operator.js")).operator],
];

/** Go to an address of the page without loading it anew. */
function go(path) {
  history.pushState(null, "", path);
  show();
}

async function show({ isFirst = false, ended = null } = {}) {
  // what is asked in a dialog belongs to the view that is left; a recording ends with its dialog
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  leave();
  leave = () => {};
  const path = location.pathname;
  const shared = path.match(/^\/shared\/([\w-]+)$/);
  if (shared) {
    document.title = "Shared video · Lipwright";
    const { sharedView } = await import("./job.js");
    leave = sharedView(main, shared[1]) ?? (() => {});
    return;
  }
  const found = VIEWS.find(([pattern]) => pattern.test(path));
  if (found && !visitor.now?.signed_in) {
    document.title = "Sign in · Lipwright";
    signIn(ended);
    return;
  }
  for (const link of nav.querySelectorAll("a")) {
    const isHere = link.getAttribute("href") === path;
    isHere ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  if (!found) {
    document.title = "Not found · Lipwright";
    fill(main, h("section", { class: "narrow" }, h("h1", {}, "There is nothing here"),
      h("p", { class: "muted" }, "The address is not whole, or what was there is not kept any more."),
      h("a", { class: "button primary", href: "/", "data-link": true }, "Make a new video")));
    return;
  }
  const [pattern, title, load] = found;
  document.title = `${title} · Lipwright`;
  let view;
  try {
    view = await load();
  } catch {
    fill(main, away("The server cannot be reached."));
    return;
  }
  if (location.pathname !== path) return;
  const isTheirs = unsent?.who === visitor.now?.name && unsent?.address === location.pathname + location.search;
  const draft = isTheirs ? unsent.draft : null;
  if (draft) unsent = null;
  leave = view(main, { id: path.match(pattern)[1], visitor: visitor.now, go, refresh, draft }) ?? (() => {});
  if (!isFirst) {
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
}

/** What is said while the server is not there. */
function away(message) {
  return h("section", { class: "narrow" }, h("h1", {}, "The server is away"), notice("bad", message),
    h("button", { type: "button", class: "primary", onclick: () => location.reload() }, "Try again"));
}

/** Who is signed in, and what they hold, as it is now. */
async function refresh() {
  visitor.now = await api.who();
  dress();
}

function dress() {
  const now = visitor.now;
  const isIn = Boolean(now?.signed_in);
  nav.hidden = !isIn;
  document.getElementById("sign-out").hidden = !isIn;
  document.getElementById("nav-operator").hidden = !now?.is_admin;
  const balance = document.getElementById("balance");
  balance.hidden = !isIn || now.balance_usd === null;
  if (!balance.hidden) balance.textContent = `${usd(now.balance_usd)} left`;
}

/** `ended` is what is said of a session that ended by itself. */
function signIn(ended = null) {
  const problem = h("div", { id: "key-problem" });
  const key = h("input", {
    id: "key", type: "password", autocomplete: "off", spellcheck: "false", required: true, placeholder: "lw_…",
    "aria-describedby": "key-problem",
  });
  const button = h("button", { class: "primary wide", type: "submit" }, "Sign in");
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      visitor.now = await api.signIn(key.value);
      key.value = "";
      dress();
      show();
    } catch (error) {
      fill(problem, notice("bad", error.code === "invalid_key" ? "This key is not known here. Check that it was copied whole." : error.message));
      key.focus();
    }
    button.disabled = false;
  };
  const wasUsed = new URLSearchParams(location.search).get("link") === "used";
  fill(main, h("section", { class: "sign-in card" },
    h("h1", {}, "Sign in"),
    ended && notice("warn", ended),
    wasUsed && notice("warn", "That link was used already, or is too old. Sign in with a key, or start ",
      h("code", {}, "lipwright serve"), " again for a new link."),
    h("p", { class: "muted" }, "Make a face say something else: footage or a portrait, and a voice."),
    h("form", { onsubmit: submit },
      h("label", { for: "key" }, "API key"), key, problem, button),
    h("details", {}, h("summary", {}, "Where is my key?"),
      h("p", {}, h("code", {}, "lipwright serve"), " prints one at its first start, and a link that signs you in. ",
        h("code", {}, "lipwright keys create NAME"), " makes another."),
      h("p", {}, "The key is sent once and exchanged for a session that ends after 14 days. This browser does not keep it."))));
  if (!ended) return;
  announce(ended);
  key.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-link]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  if (link.getAttribute("href") !== location.pathname + location.search || location.pathname === "/") go(link.getAttribute("href"));
});
addEventListener("popstate", () => show());

document.getElementById("sign-out").addEventListener("click", async () => {
  try {
    await api.signOut();
  } catch (error) {
    leave();
    leave = () => {};
    fill(main, away(`You are still signed in. ${error.message}`));
    return;
  }
  visitor.now = { signed_in: false };
  unsent = null;
  dress();
  history.pushState(null, "", "/");
  show();
});
whenSignedOut(() => {
  if (!visitor.now?.signed_in) return;
  const draft = leave.draft?.() ?? null;
  if (draft) unsent = { who: visitor.now.name, address: location.pathname + location.search, draft };
  const ended = `Your session has ended. Sign in to go on${draft ? ": what you typed and chose is kept" : ""}.`;
  visitor.now = { signed_in: false };
  dress();
  show({ ended });
});

const theme = document.getElementById("theme");
const isDark = () => document.documentElement.dataset.theme === "dark";
const showTheme = () => {
  fill(theme, icon(isDark() ? "sun" : "moon"));
  theme.setAttribute("aria-label", isDark() ? "Use the light theme" : "Use the dark theme");
};
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  try {
    localStorage.setItem("theme", document.documentElement.dataset.theme);
  } catch {
    // it lasts until the page is left
  }
  showTheme();
  dispatchEvent(new Event("themechange"));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showTheme);
showTheme();

try {
  await refresh();
  await show({ isFirst: true });
} catch (error) {
  fill(main, away(error.message));
}
document.documentElement.dataset.ready = "";
performance.mark("ready");
