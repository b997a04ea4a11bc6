// One job: how it goes, what became of it, and why not.
import { api, follow } from "./api.js";
import { announce, fill, h, icon, notice, roughly, shortened, when } from "./dom.js";

const PHASES = [
  ["queued", "Waiting", "until a worker is free"],
  ["fetch", "Collecting", "footage and speech"],
  ["study", "Watching", "the face in every frame"],
  ["listen", "Listening", "to the speech"],
  ["render", "Drawing", "the mouth"],
  ["measure", "Checking", "how good it is"],
  ["store", "Keeping", "the result"],
];
const ORDER = PHASES.map(([name]) => name);
const STATES = { queued: "Waiting", running: "Working", succeeded: "Done", failed: "Failed", cancelled: "Cancelled" };

/** What to do next, by the code of what went wrong. */
const ADVICE = {
  no_face: ["No face was found", [
    "Choose footage in which the face is seen from the front, for some seconds at least.",
    "It should be lit, not covered by a hand or a microphone, and at least 60 pixels wide.",
    "Drawings and masks are mostly not taken for faces.",
  ]],
  face_not_found: ["That face was not found", ["Click the face in the footage once more, or let it be chosen by itself."]],
  unreadable_media: ["A file cannot be read", ["Export it once more, as MP4 (H.264) for footage and WAV for speech."]],
  wrong_content: ["A file is of another kind", ["Footage is a video or a picture; speech is a recording."]],
  media_too_large: ["A file is too large or too long", ["Cut it, or make it smaller, and try again."]],
  no_audio: ["There is no sound in the recording", ["Choose another, or type a text instead."]],
  nothing_to_say: ["There is no word in the text", ["Write words: emoji and addresses are not spoken."]],
  insufficient_credits: ["There is not enough credit", ["Ask whoever runs this service for credit, or use a shorter speech."]],
  content_refused: ["The moderator refused it", ["This service does not show such pictures. Nothing was charged."]],
  weights_missing: ["A voice is not installed", ["Choose another voice, or ask whoever runs this service to fetch it."]],
  deadline_exceeded: ["It took too long", ["Try a shorter speech or smaller footage."]],
  gave_up: ["The work broke down several times", ["Try again; if it happens again, tell whoever runs this service."]],
  worker_crashed: ["The work broke down", ["Try again; if it happens again, tell whoever runs this service, with the id of this job."]],
  internal_error: ["That was our mistake", ["Tell whoever runs this service, with the id of this job."]],
  cancelled: ["Cancelled", ["Nothing was charged."]],
};

function titleParts(job, named) {
  const what = job.inputs.video?.filename ?? "A video";
  if (job.request.text) return ["“", named(shortened(job.request.text, 60)), "”"];
  return job.inputs.audio ? [named(shortened(what, 28)), " says ", named(shortened(job.inputs.audio.filename, 28))] : [named(shortened(what, 50))];
}

export const titleOf = (job) => titleParts(job, String).join("");

/** As it is shown: each name and text in the direction of its own script. */
export const titled = (job) => titleParts(job, (words) => h("bdi", {}, words));

export function badge(state) {
  return h("span", { class: `badge ${state}` }, STATES[state]);
}

export function jobView(main, { id, go, refresh }) {
  let shown = null; // which of "progress", "failed", "done" is on the page
  let parts = null;
  let leave = () => {};
  const head = h("header", { class: "job-head" });
  const note = h("div", { class: "note" });
  const body = h("div", { class: "job-body" });
  fill(main, head, note, body);

  const onState = (job) => {
    showHead(job);
    if (job.state === "succeeded") done(job);
    else if (job.state === "failed" || job.state === "cancelled") failed(job);
    else progress(job);
  };

  function showHead(job) {
    const key = job.state;
    if (head.dataset.key === key) return;
    head.dataset.key = key;
    fill(note);
    document.title = `${STATES[job.state]}: ${titleOf(job)} · Lipwright`;
    const isOpen = job.state === "queued" || job.state === "running";
    fill(head,
      h("div", { class: "job-title" }, h("h1", {}, titled(job)), badge(job.state)),
      h("div", { class: "row" },
        h("span", { class: "muted" }, when(job.created_at)),
        h("span", { class: "grow" }),
        isOpen && h("button", { type: "button", class: "secondary", id: "cancel", onclick: cancel }, "Cancel"),
        job.state === "succeeded" && h("a", { class: "button secondary", href: `/?from=${job.id}`, "data-link": true }, icon("again"), h("span", {}, "Run again", h("span", { class: "wide-only" }, " with changes"))),
        !isOpen && h("button", { type: "button", class: "quiet danger", onclick: remove }, icon("trash"), "Delete")));
  }

  async function cancel(event) {
    event.target.disabled = true;
    try {
      onState(await api.cancel(id));
    } catch (error) {
      event.target.disabled = false;
      fill(note, notice("bad", error.message));
    }
  }

  async function remove() {
    if (!(await sure("Delete this video?", "The result is deleted for good, and links to it stop working. What was paid stays paid."))) return;
    try {
      await api.remove(id);
      go("/history");
    } catch (error) {
      fill(note, notice("bad", error.message));
    }
  }

  function progress(job) {
    if (shown !== "progress") {
      shown = "progress";
      parts = {
        bar: h("div", { class: "progress", role: "progressbar", "aria-label": "Progress", "aria-valuemin": 0, "aria-valuemax": 100 }, h("div", { class: "progress-fill" })),
        says: h("p", { class: "progress-says" }),
        left: h("p", { class: "muted" }),
        steps: h("ol", { class: "steps" }, PHASES.map(([name, title, about]) =>
          h("li", { "data-phase": name }, h("span", { class: "step-mark" }), h("span", {}, h("strong", {}, title), " ", h("span", { class: "muted wide-only" }, about))))),
        lost: h("div", { class: "note" }),
      };
      fill(body, h("section", { class: "card progress-card", "aria-label": "Progress" },
        h("div", { class: "progress-words" }, parts.says, parts.bar, parts.left, parts.steps, parts.lost,
          h("p", { class: "muted small" }, "You can close this page: the work goes on, and this address shows it again.")),
        pictureOf(job.inputs.video)));
    }
    fill(parts.lost);
    const at = Math.max(0, ORDER.indexOf(job.phase === "speak" ? "fetch" : job.phase));
    const percent = Math.round(100 * job.progress);
    parts.bar.setAttribute("aria-valuenow", percent);
    parts.bar.firstChild.style.width = `${Math.max(job.state === "queued" ? 0 : 2, 100 * job.progress)}%`;
    const isWaiting = job.state === "queued";
    const [, title, about] = PHASES[isWaiting ? 0 : at];
    const before = job.n_before;
    const says = isWaiting ? (before ? `Waiting: ${before} ${before === 1 ? "job is" : "jobs are"} before this one` : "Next in the queue") : `${title} ${about}`;
    parts.says.textContent = isWaiting ? says : `${says} · ${percent} %`;
    parts.left.textContent = isWaiting ? "It starts by itself." : job.left_s === null ? "Estimating the time…" : `About ${roughly(job.left_s)} left`;
    announce(says);
    [...parts.steps.children].forEach((step, k) => {
      const now = isWaiting ? 0 : at;
      step.className = k < now ? "past" : k === now ? "now" : "";
      k === now ? step.setAttribute("aria-current", "step") : step.removeAttribute("aria-current");
    });
  }

  function failed(job) {
    if (shown === "failed") return;
    shown = "failed";
    refresh().catch(() => {});
    const [title, steps] = ADVICE[job.error?.code] ?? [job.state === "cancelled" ? "Cancelled" : "It did not work", ["Try again, or change something first."]];
    announce(title);
    fill(body, h("section", { class: `card failure ${job.state}` },
      h("h2", {}, title),
      job.state === "cancelled" ? null : h("p", {}, job.error?.message ?? ""),
      h("h3", {}, "What you can do"),
      h("ul", {}, steps.map((step) => h("li", {}, step))),
      h("div", { class: "row" },
        h("a", { class: "button primary", href: `/?from=${job.id}`, "data-link": true }, "Change it and run again"),
        h("a", { class: "button secondary", href: "/", "data-link": true }, "Begin anew")),
      h("p", { class: "muted small" }, "Job ", h("code", {}, job.id), job.error?.code ? [" · ", h("code", {}, job.error.code)] : null)));
  }

  async function done(job) {
    if (shown === "done") return;
    shown = "done";
    refresh().catch(() => {});
    announce("The video is ready");
    const { result } = await import("./result.js");
    if (shown === "done") leave = result(body, job, { isOwner: true });
  }

  const stop = follow(id, {
    onState,
    onLost: () => {
      if (shown === "progress") fill(parts.lost, notice("warn", "The server does not answer. The work is not lost; trying again…"));
    },
    onGone: (error) => {
      shown = "gone";
      document.title = "No such video · Lipwright";
      fill(head);
      fill(note);
      fill(body, h("section", { class: "card gone" }, h("h2", {}, "There is no such video"),
        h("p", { class: "muted" }, error.status === 404 ? "It was deleted, or it belongs to another key." : error.message),
        h("a", { class: "button secondary", href: "/history", "data-link": true }, "History")));
    },
  });
  return () => {
    stop();
    leave();
    shown = "left";
  };
}

/** The footage, standing still. */
function pictureOf(media) {
  if (!media) return null;
  const shape = media.width_px ? { aspectRatio: `${media.width_px} / ${media.height_px}` } : {};
  const picture = media.kind === "image" ? h("img", { src: media.url, alt: "", style: shape }) : h("video", { src: `${media.url}#t=0.1`, muted: true, preload: "metadata", playsinline: true, tabindex: "-1", style: shape });
  return h("div", { class: "progress-picture", "aria-hidden": "true" }, picture);
}

/** A result that somebody shared: no session, no other button than to download. */
export function sharedView(main, secret) {
  let leave = () => {};
  let isGone = false;
  fill(main);
  api.shared(secret).then(async (job) => {
    const { result } = await import("./result.js");
    if (isGone) return;
    const body = h("div", { class: "job-body" });
    fill(main, h("header", { class: "job-head" }, h("div", { class: "job-title" }, h("h1", {}, titled(job))),
      h("p", { class: "muted" }, `Shared until ${when(job.expires_at)}`)), body);
    leave = result(body, job, { isOwner: false });
  }, (error) => fill(main, h("section", { class: "narrow card" }, h("h1", {}, "This link shows nothing any more"),
    h("p", { class: "muted" }, error.status === 404 ? "It has expired, or the video was deleted. Ask whoever sent it for a new one." : error.message))));
  return () => {
    isGone = true;
    leave();
  };
}

/** Ask before something that cannot be undone. */
export function sure(title, about) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "sure-title" },
      h("h2", { id: "sure-title" }, title), h("p", { class: "muted" }, about),
      h("form", { method: "dialog", class: "row end" },
        h("button", { class: "quiet", value: "no" }, "Keep it"), h("button", { class: "primary danger", value: "yes" }, "Delete")));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

