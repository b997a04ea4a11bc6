// What came out: before and after on one time line, the report, what can be taken along.
import { api } from "./api.js";
import { announce, bytes, clock, copyButton, fill, h, icon, length, notice, usd, when } from "./dom.js";
import { Players } from "./players.js";
import { codePanel } from "./code.js";
import { reportPanel, strips } from "./report.js";
import { canvas, colour, drawWave, listen } from "./wave.js";

const VIEWS = [["side", "Side by side"], ["wipe", "Wipe"], ["after", "Result"], ["before", "Original"]];
const SPEEDS = [0.1, 0.25, 0.5, 1, 1.5, 2];

/** Fill `body`; returns what lets go of it. */
export function result(body, job, { isOwner }) {
  const [output] = job.outputs;
  if (!output) {
    fill(body, h("section", { class: "card" }, h("h2", {}, "The result is not kept any more"),
      h("p", { class: "muted" }, "Results are deleted after the time that the operator set. Run it again to have it back."),
      h("a", { class: "button primary", href: `/?from=${job.id}`, "data-link": true }, "Run again")));
    return () => {};
  }
  const report = job.report ?? {};
  const source = job.inputs.video;
  const fps = rate(report.fps) || 25;
  const spec = {
    frame_s: 1 / fps,
    starts_s: report.frame_ms ? starts(report.frame_ms) : null,
    result_s: report.duration_s ?? output.duration_s ?? 0,
    source_s: source?.kind === "video" ? source.duration_s : null,
    policy: job.request.options.when_short ?? "bounce",
  };
  const after = h("video", { src: output.url, playsinline: true, preload: "auto", class: "player after", "aria-label": "Result" });
  const isMoving = source?.kind === "video";
  const before = !source ? null
    : isMoving ? h("video", { src: source.url, playsinline: true, preload: "auto", class: "player before", "aria-label": "Original" })
      : h("img", { src: source.url, class: "player before", alt: "The portrait" });
  const players = new Players(after, isMoving ? before : null, spec);
  const letGo = [() => players.close()];

  // --- the stage -----------------------------------------------------------------------------------------

  const shape = output.width_px && output.height_px ? output.width_px / output.height_px : 16 / 9;
  const wipe = h("input", { type: "range", class: "wipe-place", min: 0, max: 100, value: 50, "aria-label": "Where the original gives way to the result", oninput: () => setWipe() });
  const wipeLine = h("div", { class: "wipe-line" }, h("span", {}, icon("swap", 16)));
  const pane = (name, title, el) => h("figure", { class: `pane pane-${name}` },
    h("div", { class: "zoomed", style: { aspectRatio: String(shape) } }, el), h("figcaption", {}, title));
  const afterPane = pane("after", "Result", after);
  const beforePane = before ? pane("before", "Original", before) : null;
  const stage = h("div", { class: "compare", "data-view": before ? "side" : "after", style: { "--shape": String(shape) } }, beforePane, afterPane, wipeLine, wipe);
  stage.style.setProperty("--shape", String(shape));
  stage.classList.toggle("tall", shape < 1);
  const setWipe = () => stage.style.setProperty("--wipe", `${wipe.value}%`);
  setWipe();
  for (const el of [after, before]) {
    el?.addEventListener("click", () => players.toggle());
    el?.addEventListener("error", () => {
      if (el.getAttribute("src")) el.closest(".zoomed").append(h("p", { class: "cannot" }, el === after ? "The result cannot be shown." : "This browser cannot play the original's format."));
    });
  }

  const views = h("div", { class: "segments", role: "group", "aria-label": "What is shown" }, VIEWS.map(([name, title]) =>
    h("button", { type: "button", "data-view": name, onclick: () => setView(name) }, title)));
  function setView(name) {
    stage.dataset.view = name;
    for (const button of views.children) button.setAttribute("aria-pressed", String(button.dataset.view === name));
  }
  const swap = h("button", { type: "button", class: "tool", "aria-pressed": "false", onclick: () => {
    const isSwapped = stage.classList.toggle("swapped");
    swap.setAttribute("aria-pressed", String(isSwapped));
  } }, icon("swap"), h("span", {}, "Swap"));
  const close = h("button", { type: "button", class: "tool", "aria-pressed": "false", onclick: closeUp }, icon("zoom"), h("span", {}, "Mouth"));
  let mouth = null;
  async function closeUp() {
    if (stage.classList.contains("near")) {
      stage.classList.remove("near");
      close.setAttribute("aria-pressed", "false");
      return;
    }
    if (!mouth) {
      close.disabled = true;
      fill(note, h("span", { class: "busy muted" }, "Looking for the mouth…"));
      try {
        mouth = report.speakers?.[0]?.box_px
          ? closeTo(report.speakers[0].box_px, report.width_px, report.height_px)
          : await findMouth(job, source ?? output);
        fill(note);
      } catch (error) {
        fill(note, notice("warn", error.message));
      }
      close.disabled = false;
      if (!mouth) return;
    }
    for (const [name, value] of Object.entries(mouth)) stage.style.setProperty(`--mouth-${name}`, value);
    stage.classList.add("near");
    close.setAttribute("aria-pressed", "true");
  }
  const note = h("div", { class: "note", role: "status" });

  // --- transport -----------------------------------------------------------------------------------------

  const play = h("button", { type: "button", class: "round", onclick: () => players.toggle() });
  const showPlay = () => {
    fill(play, icon(players.isPlaying ? "pause" : "play", 20));
    play.setAttribute("aria-label", players.isPlaying ? "Pause" : "Play");
  };
  for (const name of ["play", "pause", "ended"]) after.addEventListener(name, showPlay);
  showPlay();
  const time = h("output", { class: "time", "aria-live": "off" });
  const speed = h("select", { "aria-label": "Speed", onchange: () => players.speed(Number(speed.value)) },
    SPEEDS.map((value) => h("option", { value }, `${value}×`)));
  speed.value = "1";
  const loop = h("button", { type: "button", class: "tool", "aria-label": "Loop", "aria-pressed": "false", onclick: () => setLoop(players.loop ? null : around(players.time_s)) },
    icon("loop"), h("span", { class: "wide-only" }, "Loop"));
  const sound = h("select", { "aria-label": "Sound", onchange: () => {
    after.muted = sound.value !== "after";
    if (isMoving) before.muted = sound.value !== "before";
  } }, h("option", { value: "after" }, "Sound: result"), isMoving ? h("option", { value: "before" }, "Sound: original") : null, h("option", { value: "none" }, "Sound: off"));
  const tool = (name, label, act) => h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, onclick: act }, icon(name));
  const transport = h("div", { class: "transport" },
    tool("back", "One frame back", () => players.step(-1)), play, tool("forward", "One frame on", () => players.step(1)),
    time, h("span", { class: "grow" }), loop, speed, sound);

  const around = (time_s) => [Math.max(0, time_s - 0.5), Math.min(spec.result_s, time_s + 0.5)];
  function setLoop(range) {
    players.loop = range;
    loop.setAttribute("aria-pressed", String(Boolean(range)));
    loopFields.hidden = !range;
    if (range) {
      for (const k of [0, 1]) loopEnds[k].value = range[k].toFixed(2);
      if (players.time_s < range[0] || players.time_s > range[1]) players.seek(range[0]);
    }
    lane.redraw();
  }
  const loopEnds = [0, 1].map((k) => h("input", { type: "number", step: 0.04, min: 0, max: spec.result_s.toFixed(2), "aria-label": k ? "Loop to, seconds" : "Loop from, seconds", onchange: () => {
    const range = loopEnds.map((end) => Number(end.value));
    if (range[1] > range[0] + spec.frame_s) {
      players.loop = range;
      lane.redraw();
    }
  } }));
  const loopFields = h("div", { class: "loop-fields row muted", hidden: true }, "Loop from", loopEnds[0], "to", loopEnds[1], "s",
    h("span", { class: "small wide-only" }, "or drag over the time line"));

  // --- the time line -------------------------------------------------------------------------------------

  const speaker = report.speakers?.[0];
  const curves = speaker?.curves ?? null;
  let heard = null;
  const lane = canvas("lane", draw);
  letGo.push(lane.letGo);
  const scrub = h("input", { type: "range", class: "scrub", min: 0, max: spec.result_s, step: spec.frame_s / 2, value: 0, "aria-label": "Time", oninput: () => {
    players.after.pause();
    players.seek(Number(scrub.value));
  } });
  const flags = (report.speakers ?? []).flatMap((one) => one.flags ?? []);
  const marks = h("div", { class: "marks" }, flags.map((flag) => h("button", {
    type: "button", class: `mark ${flag.severity >= 0.66 ? "high" : ""}`, title: `${clock(flag.start_s)} ${flag.says}`,
    "aria-label": `Spot worth a look at ${clock(flag.start_s)}: ${flag.says}`,
    style: { left: `${(100 * (flag.start_s + flag.stop_s)) / 2 / spec.result_s}%` }, onclick: () => visit(flag),
  }, icon("flag", 13))));
  function visit(flag) {
    const middle_s = (flag.start_s + flag.stop_s) / 2;
    setLoop([Math.max(0, Math.min(flag.start_s, middle_s - 0.4)), Math.min(spec.result_s, Math.max(flag.stop_s, middle_s + 0.4))]);
    players.seek(players.loop[0]);
    if (!players.isPlaying) players.toggle();
    stage.scrollIntoView({ block: "nearest", behavior: "smooth" });
    announce(flag.says);
  }
  const legend = h("div", { class: "legend" });
  const timeline = h("div", { class: "timeline" }, flags.length ? marks : null, h("div", { class: "lane-box" }, lane.el, scrub), strips(speaker, spec.result_s), legend);

  // dragging with the pointer over the lane: a short press seeks, a drag makes a loop
  let from = null;
  const timeAt = (event) => {
    const box = scrub.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * spec.result_s;
  };
  scrub.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    scrub.focus({ preventScroll: true });
    scrub.setPointerCapture(event.pointerId);
    from = { time_s: timeAt(event), x: event.clientX, isLoop: event.shiftKey || players.loop !== null };
    players.after.pause();
    players.seek(from.time_s);
  });
  scrub.addEventListener("pointermove", (event) => {
    if (!from) return;
    if (!from.isLoop) {
      players.seek(timeAt(event));
      return;
    }
    if (Math.abs(event.clientX - from.x) > 6) setLoop([from.time_s, timeAt(event)].sort((a, b) => a - b));
  });
  scrub.addEventListener("pointerup", () => {
    from = null;
  });

  function draw(on, width, height) {
    const x = (time_s) => (width * time_s) / spec.result_s;
    if (players.loop) {
      on.fillStyle = colour("loop");
      on.fillRect(x(players.loop[0]), 0, x(players.loop[1]) - x(players.loop[0]), height);
    }
    const waveHeight = curves ? height * 0.42 : height;
    if (heard) drawWave(on, width, waveHeight, heard, { to_s: spec.result_s, played_s: players.time_s, colours: [colour("wave"), colour("wave-played")] });
    if (curves) {
      const top = waveHeight + 4;
      const rows = [["source", "curve-source"], ["planned", "curve-planned"], ["seen", "curve-seen"]];
      const most = rows.reduce((high, [name]) => (curves[name] ?? []).reduce((a, b) => Math.max(a, b ?? 0), high), 4);
      const stride = Math.max(1, Math.floor((curves.planned?.length ?? 0) / (4 * width))); // no finer than it can be seen
      for (const [name, tint] of rows) {
        on.strokeStyle = colour(tint);
        on.lineWidth = name === "seen" ? 1.8 : 1.4;
        on.setLineDash(name === "planned" ? [4, 3] : []);
        on.beginPath();
        let isDown = false;
        const values = curves[name] ?? [];
        for (let k = 0; k < values.length; k += stride) {
          const value = values[k];
          if (value === null) {
            isDown = false;
            continue;
          }
          const at = [x(curves.start_s + k * curves.step_s), top + (height - top - 3) * (1 - Math.max(0, value) / most)];
          isDown ? on.lineTo(...at) : on.moveTo(...at);
          isDown = true;
        }
        on.stroke();
      }
      on.setLineDash([]);
    }
    on.fillStyle = colour("text");
    on.fillRect(Math.min(width - 2, Math.max(0, x(players.time_s) - 1)), 0, 2, height);
  }
  if (curves) {
    const keys = [["planned", "mouth as planned"], ["seen", "mouth in the result"], ["source", "mouth in the footage"]];
    fill(legend, keys.filter(([name]) => curves[name]?.some((value) => value !== null)).map(([name, title]) => h("span", { class: `key key-${name}` }, title)));
  }
  const showTime = () => {
    time.textContent = `${clock(players.time_s)} / ${clock(spec.result_s)} · frame ${players.frame}`;
  };
  let last = -1;
  players.addEventListener("time", () => {
    if (players.time_s === last) return;
    last = players.time_s;
    showTime();
    if (document.activeElement !== scrub || players.isPlaying) scrub.value = players.time_s;
    scrub.setAttribute("aria-valuetext", `${players.time_s.toFixed(2)} seconds`);
    lane.redraw();
  });
  showTime();
  fetch(output.url).then((answer) => answer.blob()).then(listen).then((sound_) => {
    heard = sound_;
    lane.redraw();
  }).catch(() => {
    // the time line works without a waveform
  });

  // --- keys ----------------------------------------------------------------------------------------------

  const onKey = (event) => {
    if (event.target.closest("input:not([type=range]), textarea, select, dialog, [role=tab]") || event.ctrlKey || event.metaKey || event.altKey) return;
    const isButton = event.target.closest("button, a, summary");
    const act = {
      " ": isButton ? null : () => players.toggle(),
      k: () => players.toggle(),
      ",": () => players.step(-1),
      ".": () => players.step(1),
      l: () => loop.click(),
      s: () => swap.click(),
      m: () => close.click(),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  document.addEventListener("keydown", onKey);
  letGo.push(() => document.removeEventListener("keydown", onKey));

  // --- what can be taken along ---------------------------------------------------------------------------

  const base = `/playground/api/jobs/${job.id}`;
  const hasSubtitles = Boolean(report.sentences?.length);
  const link = (href, title, about, name) => h("a", { class: "take", href, download: name ?? "" }, icon("download"), h("span", {}, title), h("span", { class: "muted small" }, about));
  const takes = h("section", { class: "card", "aria-labelledby": "take-title" }, h("h2", { id: "take-title" }, "Take it along"),
    h("div", { class: "takes" },
      link(output.url, "Video", `MP4, ${bytes(output.n_bytes)}`, `${(source?.filename ?? "lipwright").replace(/\.\w+$/, "")} speaks.mp4`),
      isOwner && job.report ? link(`${base}/report.json`, "Report", "JSON") : null,
      isOwner && report.report ? link(`${base}/report.html`, "Report", "a page, HTML") : null,
      isOwner && hasSubtitles ? [link(`${base}/subtitles.srt`, "Subtitles", "SRT"), link(`${base}/subtitles.vtt`, "Subtitles", "WebVTT")] : null),
    isOwner ? sharing(job) : null);

  fill(body,
    h("section", { class: "card viewer", "aria-label": "Before and after" },
      h("div", { class: "viewer-head" }, before ? views : h("p", { class: "muted small" }, "The original is not kept any more; only the result is shown."),
        h("span", { class: "grow" }), before ? swap : null, isOwner ? close : null),
      stage, note, timeline, transport, loopFields,
      h("p", { class: "muted small keys wide-only" }, h("kbd", {}, "K"), " play  ", h("kbd", {}, ","), h("kbd", {}, "."), " frame  ", h("kbd", {}, "L"), " loop  ", h("kbd", {}, "S"), " swap  ", h("kbd", {}, "M"), " mouth")),
    h("div", { class: "result-grid" },
      h("div", { class: "result-main" }, reportPanel(job, { visit, seek: (time_s) => players.seek(time_s) }, isOwner && before ? mouths(job) : null)),
      h("div", { class: "result-side" }, facts(job, output, report, isOwner), takes)),
    isOwner ? codePanel(job) : null);
  setView(stage.dataset.view);
  return () => letGo.forEach((act) => act());
}

function facts(job, output, report, isOwner) {
  const rows = [
    ["Length", length(report.duration_s ?? output.duration_s)],
    ["Picture", `${output.width_px}×${output.height_px}, ${Number((rate(report.fps) || 0).toFixed(3))} frames/s`],
    ["Took", job.worked_s === null ? "–" : length(job.worked_s)],
    ...(isOwner ? [["Price", usd(job.price_usd)]] : []),
    ["Made", when(job.finished_at ?? job.created_at)],
  ];
  return h("section", { class: "card", "aria-label": "Facts" }, h("dl", { class: "facts" }, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))));
}

function sharing(job) {
  const hours = h("select", { id: "share-hours" }, [[1, "for an hour"], [24, "for a day"], [72, "for three days"], [168, "for a week"]].map(([value, title]) => h("option", { value }, title)));
  hours.value = "72";
  const place = h("div", { class: "note", role: "status" });
  const make = h("button", { type: "button", class: "secondary", onclick: async () => {
    try {
      const made = await api.share(job.id, Number(hours.value));
      const url = `${location.origin}${made.path}`;
      const problem = h("div", {});
      const field = h("input", { type: "text", readonly: true, value: url, "aria-label": "Share link", onfocus: (event) => event.target.select() });
      fill(place, h("div", { class: "row" }, field, copyButton(() => url)),
        h("p", { class: "muted small" }, `Whoever has it sees this video until ${when(made.expires_at)}. `,
          h("button", { type: "button", class: "link", onclick: async () => {
            try {
              await api.unshare(job.id);
              fill(place, h("p", { class: "muted small" }, "No link to this video works any more."));
            } catch (error) {
              fill(problem, notice("bad", error.message));
            }
          } }, "Close all links")), problem);
    } catch (error) {
      fill(place, notice("bad", error.message));
    }
  } }, icon("share"), "Make a link");
  return h("div", { class: "sharing" }, h("h3", {}, "Share"), h("div", { class: "row" }, h("label", { for: "share-hours", class: "unseen" }, "How long the link works"), hours, make), place);
}

/** Mouths before and after, at moments spread over the video; drawn when they are asked for. */
function mouths(job) {
  const place = h("div", { class: "note", role: "status" });
  let isAsked = false;
  return h("details", { class: "mouths", ontoggle: async (event) => {
    if (!event.target.open || isAsked) return;
    isAsked = true;
    fill(place, h("span", { class: "busy muted" }, "Cutting out the mouths…"));
    try {
      const src = URL.createObjectURL(await api.mouths(job.id));
      const told = "Mouths of the original in the upper rows, and of the result below them";
      fill(place, h("p", { class: "muted small" }, "Above the original, below the result, at moments spread over the video."),
        h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Mouths before and after" },
          h("img", { src, class: "sheet", alt: told, onload: () => URL.revokeObjectURL(src) })));
    } catch (error) {
      isAsked = false; // closed and opened again, it is asked for again
      fill(place, notice("bad", error.message));
    }
  } }, h("summary", {}, "Mouths before and after"), place);
}

/** The mouth of the face that spoke, where the report does not tell where that is: of the one clicked, or the largest. */
async function findMouth(job, media) {
  const found = await api.faces(media.id);
  if (!found.boxes_px.length) throw new Error("No face was found on the frames that were looked at.");
  const asked = /^([\d.]+),([\d.]+)(?:@[\d.]+)?$/.exec(job.request.options.face ?? "")?.slice(1).map(Number);
  const box = found.boxes_px.find(([l, t, r, b]) => asked && l <= asked[0] && asked[0] < r && t <= asked[1] && asked[1] < b) ?? found.boxes_px[0];
  return closeTo(box, found.width_px, found.height_px);
}

/** Where the mouth of a face is, in shares of the picture, and how much to enlarge it. */
function closeTo([left, top, right, bottom], width_px, height_px) {
  return {
    zoom: String(Math.max(1.2, Math.min(8, width_px / ((right - left) * 1.05)))),
    x: String((left + right) / 2 / width_px),
    y: String((top + 0.72 * (bottom - top)) / height_px),
  };
}

/** When each frame is shown, of what each lasts. */
function starts(frame_ms) {
  let now_ms = 0;
  return frame_ms.map((lasts_ms) => {
    now_ms += lasts_ms;
    return (now_ms - lasts_ms) / 1000;
  });
}

function rate(text) {
  const [over, under = "1"] = String(text ?? "").split("/");
  return Number(over) / Number(under);
}
