// What an operator watches: queue, workers, failures, money. For keys of operators only.
import { api } from "./api.js";
import { fill, h, notice, roughly, usd, when } from "./dom.js";
import { badge } from "./job.js";

const EVERY_MS = 3000;
const KINDS = { grant: "Granted", hold: "Set aside", hold_rest: "Set aside", release: "Released", charge: "Charged" };

export function operator(main) {
  let timer = 0;
  let isGone = false;
  const body = h("div", { class: "operator" });
  const note = h("div", { class: "note", role: "status" });
  fill(main, h("div", { class: "page" }, h("div", { class: "page-head" }, h("h1", {}, "Operator"), h("p", { class: "muted small" }, "Everyone's jobs, as they stand now.")), note, body));

  async function load() {
    try {
      const now = await api.operator();
      if (isGone) return;
      fill(note);
      // not while somebody reads or selects in it
      if (!body.contains(document.activeElement) || !body.childElementCount) show(now);
    } catch (error) {
      if (isGone) return;
      fill(note, notice("bad", error.message));
      if (error.status === 403) return;
    }
    timer = setTimeout(load, EVERY_MS);
  }

  function show(now) {
    const { figures } = now;
    const living = now.workers.filter((one) => one.is_alive);
    const tiles = [
      ["Waiting", figures.jobs_queued, figures.jobs_queued ? `the oldest for ${roughly(figures.oldest_queued_s)}` : "nobody waits"],
      ["Working", figures.jobs_running, `${living.length} ${living.length === 1 ? "worker" : "workers"} alive`],
      ["Failed", now.n_failed, now.n_failed ? "the latest below" : "none"],
      ["Webhooks", figures.webhooks_waiting, "to be sent"],
    ];
    fill(body,
      h("dl", { class: "tiles" }, tiles.map(([name, value, about]) => h("div", { class: "card tile" }, h("dt", {}, name), h("dd", {}, h("span", { class: "tile-value" }, String(value)), h("span", { class: "muted small" }, about))))),
      table("Queue", ["Job", "Account", "State", "Phase", "Since"], now.open.map((job) => [
        code(job.id), job.account, badge(job.state), job.state === "running" ? `${job.phase}, ${Math.round(100 * job.progress)} %` : "–", when(job.created_at)]), "Nothing waits and nothing runs."),
      table("Workers", ["Host", "Process", "State", "Jobs in hand"], now.workers.map((one) => [
        one.host, String(one.pid), one.is_alive ? h("span", { class: "badge succeeded" }, "Alive") : h("span", { class: "badge failed" }, `Silent for ${roughly(one.silent_s)}`), String(one.jobs.length)]), "No worker gave a sign of life."),
      table("Failures", ["Job", "Account", "Why", "When"], now.failed.map((job) => [
        code(job.id), job.account, [code(job.error?.code ?? "–", false), " ", h("span", { class: "muted" }, job.error?.message ?? "")], when(job.finished_at ?? job.created_at)]), "No job has failed."),
      table("Ledger", ["When", "Account", "What", "Amount", "Job"], now.ledger.map((row) => [
        when(row.created_at), row.account, `${KINDS[row.kind] ?? row.kind}${row.note ? `: ${row.note}` : ""}`, h("span", { class: "number" }, usd(row.amount_usd)), row.job_id ? code(row.job_id) : "–"]), "No money has moved."),
      table("Accounts", ["Name", "Balance", "Limit", "Key"], now.accounts.map((one) => [
        one.name, h("span", { class: "number" }, usd(one.balance_usd)), one.has_credit_limit ? "refused without credit" : "none", one.is_revoked ? "revoked" : one.is_admin ? "operator" : "open"]), "There are no accounts."));
  }

  load();
  return () => {
    isGone = true;
    clearTimeout(timer);
  };
}

const code = (text, isId = true) => h("code", { title: text }, isId ? text.slice(0, 8) : text);

function table(title, heads, rows, empty) {
  return h("section", { class: "card", "aria-label": title }, h("h2", {}, title),
    rows.length
      ? h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${title}, table` }, h("table", { class: "plain" },
        h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
        h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell)))))))
      : h("p", { class: "muted" }, empty));
}
