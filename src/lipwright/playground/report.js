// The report of a result: how good it is, and where to look.
import { clock, h, icon, length } from "./dom.js";

const VERDICTS = { good: "Good", fair: "Fair", poor: "Poor", unknown: "Not measured" };

/** The result as a strip: which frames were edited, and why others were not. Empty where the report does not tell. */
export function strips(speaker, result_s) {
  if (!speaker?.strip?.length) return null;
  return h("div", { class: "strip", role: "img", "aria-label": stripSays(speaker.strip) }, speaker.strip.map((part) =>
    h("span", { class: part.what === "edited" ? "edited" : "passed", style: { width: `${(100 * (part.stop_s - part.start_s)) / result_s}%` }, title: `${clock(part.start_s)} to ${clock(part.stop_s)}: ${plain(part.what)}` })));
}

function stripSays(strip) {
  const n = strip.reduce((sum, part) => sum + part.n_frames, 0);
  const edited = strip.filter((part) => part.what === "edited").reduce((sum, part) => sum + part.n_frames, 0);
  return `${edited} of ${n} frames were edited`;
}

const plain = (code) => String(code).replaceAll("_", " ");

/** `more` stands below what was measured. */
export function reportPanel(job, { visit, seek }, more) {
  const report = job.report ?? {};
  const body = report.report ? whole(report, { visit, seek }) : brief(report);
  return h("section", { class: "card report", "aria-labelledby": "report-title" }, h("h2", { id: "report-title" }, "Report"), body, more);
}

/** What is known without measurements. */
function brief(report) {
  const render = report.render ?? {};
  const left = Object.entries(render.untouched ?? {});
  return [
    h("p", {}, render.n_frames ? `${render.n_edited} of ${render.n_frames} frames were edited.` : "This result was not measured."),
    left.length ? h("ul", {}, left.map(([why, n]) => h("li", {}, `${n} passed through as they were: ${plain(why)}`))) : null,
    notes(report.notes),
  ];
}

function whole(report, { visit, seek }) {
  const word = report.verdict?.word ?? "unknown";
  const words = report.words ?? {};
  const named = (code) => words[code] ?? plain(code);
  const flags = (report.speakers ?? []).flatMap((one) => one.flags ?? []);
  return [
    h("div", { class: `verdict ${word}` }, h("span", { class: "verdict-word" }, VERDICTS[word] ?? word), h("p", {}, report.verdict?.says ?? "")),
    report.measurement && report.measurement.state !== "done" ? h("p", { class: "muted small" }, report.measurement.says) : null,
    (report.speakers ?? []).map((speaker, k) => [
      report.speakers.length > 1 ? h("h3", {}, `Face ${speaker.face_id ?? k + 1}`) : null,
      figureTable([...(speaker.figures ?? []), ...(k === 0 ? report.figures ?? [] : [])]),
      speaker.mode ? h("p", { class: "muted small" }, speaker.mode.says) : null,
      passed(speaker.strip, named, seek),
    ]),
    flags.length ? [h("h3", {}, "Worth a look"), h("ul", { class: "flags" }, flags.map((flag) => h("li", {},
      h("button", { type: "button", class: "flag", onclick: () => visit(flag) }, icon("flag", 15), h("span", { class: "flag-time" }, clock(flag.start_s)), h("span", {}, flag.says)))))] : null,
    report.length?.says ? h("p", { class: "muted small" }, report.length.says) : null,
    notes(report.notes),
    report.stages_s ? h("details", {}, h("summary", {}, "Time and memory"), h("table", { class: "plain" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Stage"), h("th", { scope: "col" }, "Time"), h("th", { scope: "col" }, "Memory so far"))),
      h("tbody", {}, Object.entries(report.stages_s).map(([stage, took_s]) => h("tr", {}, h("th", { scope: "row" }, stage), h("td", {}, length(took_s)), h("td", {}, report.memory_mb?.[stage] ? `${Math.round(report.memory_mb[stage])} MB` : "–")))))) : null,
  ];
}

function figureTable(figures) {
  if (!figures.length) return null;
  return h("div", { class: "scroll" }, h("table", { class: "figures-table" },
    h("thead", {}, h("tr", {}, ["What", "Value", "Good is", "Means"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, figures.map((one) => h("tr", {},
      h("th", { scope: "row" }, h("span", { class: `dot ${one.verdict ?? "unknown"}`, role: "img", "aria-label": VERDICTS[one.verdict] ?? "Not measured" }), one.name),
      h("td", { class: "number" }, shown(one)),
      h("td", { class: "muted" }, one.good ?? ""),
      h("td", { class: "muted" }, one.says ?? ""))))));
}

function shown({ value, unit, verdict }) {
  if (value === null || value === undefined || verdict === "unknown") return "–";
  if (unit === "ratio") return `${value.toFixed(2)} ×`;
  if (unit === "share") return `${Math.round(100 * value)} %`;
  if (unit === "ms") return `${value > 0.5 ? "+" : ""}${Math.round(value) || 0} ms`;
  const size = Math.abs(value);
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2;
  const named = { r: "", "% IO": " %" }[unit] ?? (unit ? ` ${unit}` : "");
  return `${value.toFixed(digits)}${named}`;
}

function passed(strip, named, seek) {
  const parts = (strip ?? []).filter((part) => part.what !== "edited");
  if (!parts.length) return null;
  const by = new Map();
  for (const part of parts) by.set(part.what, [...(by.get(part.what) ?? []), part]);
  return h("ul", { class: "passed-list" }, [...by].map(([what, some]) => h("li", {},
    `${some.reduce((sum, part) => sum + part.n_frames, 0)} frames as they were, ${named(what)}: `,
    some.slice(0, 6).map((part) => h("button", { type: "button", class: "link", onclick: () => seek(part.start_s) }, clock(part.start_s))),
    some.length > 6 ? ` and ${some.length - 6} more` : "")));
}

function notes(some) {
  return some?.length ? [h("h3", {}, "Notes"), h("ul", {}, some.map((note) => h("li", {}, note)))] : null;
}
