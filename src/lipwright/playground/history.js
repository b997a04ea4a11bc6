// Videos that were made with this key: found, opened, made again, deleted.
import { api } from "./api.js";
import { announce, fill, h, icon, length, notice, usd, when } from "./dom.js";
import { badge, sure, titled, titleOf } from "./job.js";

const PAGE = 20;

export function history(main) {
  let words = "";
  let page = 1;
  let timer = 0;
  let asked = 0;
  const list = h("ul", { class: "jobs" });
  const foot = h("div", { class: "row centre" });
  const note = h("div", { class: "note", role: "status" });
  const search = h("input", { type: "search", id: "search", placeholder: "Text, file, voice, state…", oninput: () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      words = search.value;
      page = 1;
      load();
    }, 200);
  } });
  fill(main, h("div", { class: "page" },
    h("div", { class: "page-head" }, h("h1", {}, "History"), h("div", { class: "search" }, icon("search"), h("label", { for: "search", class: "unseen" }, "Search"), search)),
    note, list, foot));

  async function load() {
    const mine = ++asked;
    let found;
    try {
      found = await api.jobs(words, page);
    } catch (error) {
      fill(note, notice("bad", error.message));
      return;
    }
    if (mine !== asked) return;
    const n = Math.max(1, Math.ceil(found.total / PAGE));
    if (page > n) {
      page = n; // what the last page held was deleted
      await load();
      return;
    }
    fill(note, found.total || words ? h("p", { class: "muted small" }, `${found.total} ${found.total === 1 ? "video" : "videos"}`) : null);
    if (!found.total) {
      fill(list, h("li", { class: "empty card" }, icon(words ? "search" : "film", 32),
        h("p", { class: "drop-title" }, words ? "Nothing was found" : "No videos yet"),
        h("p", { class: "muted" }, words ? "Search by a word of the text, a file's name, or a state such as “failed”." : "What you make is kept here."),
        words ? null : h("a", { class: "button primary", href: "/", "data-link": true }, "Make the first")));
    } else fill(list, found.items.map(row));
    fill(foot, n > 1 ? [
      h("button", { type: "button", class: "secondary", disabled: page <= 1, onclick: () => turn(-1) }, "Newer"),
      h("span", { class: "muted" }, `Page ${page} of ${n}`),
      h("button", { type: "button", class: "secondary", disabled: page >= n, onclick: () => turn(1) }, "Older")] : null);
  }

  function turn(by) {
    page += by;
    load();
    scrollTo(0, 0);
  }

  function row(job) {
    const [output] = job.outputs;
    const title = titleOf(job);
    const item = h("li", { class: "job card" },
      h("a", { class: "job-picture", href: `/jobs/${job.id}`, "data-link": true, tabindex: "-1", "aria-hidden": "true" },
        output ? h("video", { src: `${output.url}#t=0.1`, muted: true, preload: "metadata", playsinline: true, tabindex: "-1" }) : icon(job.state === "failed" ? "alert" : "film", 24)),
      h("div", { class: "job-words" },
        h("a", { class: "job-link", href: `/jobs/${job.id}`, "data-link": true }, titled(job)),
        h("p", { class: "muted small" }, [when(job.created_at), output?.duration_s ? length(output.duration_s) : null, job.price_usd ? usd(job.price_usd) : null, job.error ? job.error.message : null].filter(Boolean).join(" · "))),
      badge(job.state),
      h("div", { class: "job-actions" },
        h("a", { class: "icon-button", href: `/?from=${job.id}`, "data-link": true, "aria-label": `Run again with changes: ${title}`, title: "Run again with changes" }, icon("again")),
        h("button", { type: "button", class: "icon-button", "aria-label": `Delete: ${title}`, title: "Delete", onclick: async () => {
          if (!(await sure("Delete this video?", `${title}. Its result is deleted for good.`))) return;
          try {
            await api.remove(job.id);
            announce("Deleted");
            await load();
            search.focus();
          } catch (error) {
            fill(note, notice("bad", error.message));
          }
        } }, icon("trash"))));
    return item;
  }

  load();
  return () => {
    clearTimeout(timer);
    asked++;
  };
}
