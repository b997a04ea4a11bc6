// A new video: footage, speech, choices, price.
import { api, upload } from "./api.js";
import { announce, bytes, fill, h, icon, length, notice, roughly, shortened, usd } from "./dom.js";
import { LONG, SHORT, picture } from "./lengths.js";
import { listen, soundPlayer } from "./wave.js";

const VIDEO = "video/*,image/png,image/jpeg,image/webp,.mkv,.mov,.webm,.m4v";
const SOUND = "audio/*,video/*,.wav,.mp3,.m4a,.flac,.ogg,.opus";
const NOTHING = "There is nothing to show.";
// of a text that is listened to; the server speaks no more either
const SPOKEN_CHARACTERS = 1000;
const QUALITY = { 24: "Draft: small file", 18: "Good", 12: "Best: large file" };

/** `draft` is what the function that leaves it told by `draft()`, before somebody had to sign in again. */
export function compose(main, { visitor, go, draft }) {
  const state = {
    footage: null, // {file, url, name, id, duration_s, width_px, height_px, isPicture, found, chosen, share, problem}
    speech: null, // {file, blob, name, id, sound, duration_s}
    kind: "recording",
    spoken: null, // the text as it was heard: {key, duration_s}
    quote: null,
    refusal: null, // why the last submit failed: {message, key}
    wanted: "", // the face of the job that is made again, until there is footage to find it on
    kept: {}, // options of the job that is made again for which there is no control
  };
  const letGo = [];
  let isGone = false;
  let player = null;

  // --- footage -------------------------------------------------------------------------------------------

  const stage = h("div", { class: "stage" });
  const footageNote = h("div", { class: "note", role: "status" });
  const footageCard = h("section", { class: "card", "aria-labelledby": "footage-title" },
    h("div", { class: "card-head" }, h("h2", { id: "footage-title" }, "Footage"), h("div", { class: "card-actions", id: "footage-actions" })),
    stage, footageNote);

  function chooser(accept, take) {
    const input = h("input", { type: "file", accept, class: "unseen", tabindex: "-1", "aria-hidden": "true", onchange: () => {
      if (input.files[0]) take(input.files[0]);
      input.value = "";
    } });
    return input;
  }
  const footageInput = chooser(VIDEO, (file) => takeFootage(file));
  const speechInput = chooser(SOUND, (file) => takeSpeech(file));
  footageInput.id = "footage-file";
  speechInput.id = "speech-file";

  function emptyFootage() {
    fill(stage, h("div", { class: "drop" },
      icon("film", 36),
      h("p", { class: "drop-title" }, "Drop a video or a portrait here"),
      h("p", { class: "muted" }, `A face seen from the front works best. Up to ${Math.round(visitor.limits.max_video_s / 60)} minutes, ${bytes(visitor.limits.max_upload_bytes)}.`),
      h("div", { class: "row centre" },
        h("button", { type: "button", class: "secondary", onclick: () => footageInput.click() }, "Choose a file"),
        canRecord() && h("button", { type: "button", class: "secondary", onclick: () => record(true) }, icon("camera"), "Record"),
        h("button", { type: "button", class: "quiet", onclick: takeSample }, "Use the sample"))));
    fill(footageNote);
    fill(footageCard.querySelector(".card-actions"));
  }

  function takeFootage(file, known, wanted = state.wanted) {
    const done = bringFootage(file, known, wanted);
    // whoever sends does not wait for the faces
    state.footage.ready = Promise.race([done, state.footage.uploaded]);
    return done;
  }

  async function bringFootage(file, known, wanted) {
    dropFootage();
    fill(footageNote);
    state.wanted = "";
    const isPicture = file.type.startsWith("image/");
    const one = { file, name: file.name, url: URL.createObjectURL(file), isPicture, chosen: null, wanted, found: null, id: null, problem: null };
    state.footage = one;
    one.stop = new AbortController();
    let tellUploaded;
    one.uploaded = new Promise((resolve) => {
      tellUploaded = resolve;
    });
    showFootage();
    changed();
    try {
      one.id = known ?? (await upload(file, (share) => tellUpload(footageNote, share, one), one.stop.signal)).id;
      tellUploaded();
      const seen = await api.media(one.id);
      if (state.footage !== one) return;
      // by what was found in it: a GIF or WebP may be a video
      Object.assign(one, { duration_s: seen.duration_s, width_px: seen.width_px, height_px: seen.height_px, isPicture: seen.kind === "image" });
      if (seen.kind === "audio") throw Object.assign(new Error("This file holds sound only. Choose a video or a picture."), { code: "no_video" });
      changed();
      fill(footageNote, h("span", { class: "busy" }, "Looking for faces…"));
      one.found = await api.faces(one.id);
    } catch (error) {
      if (state.footage !== one || error.code === "aborted") return;
      one.problem = error;
      const cannot = stage.querySelector(".cannot");
      if (cannot) cannot.textContent = NOTHING;
      fill(footageNote, trouble(error, () => takeFootage(file, one.id, wanted)));
      changed();
      return;
    }
    if (state.footage !== one) return;
    one.poster = URL.createObjectURL(new Blob([Uint8Array.from(atob(one.found.poster), (c) => c.charCodeAt(0))], { type: "image/jpeg" }));
    if (one.found.boxes_px.length > 1) one.chosen = boxAt(one.found, one.wanted);
    showFootage();
    tellFaces();
    changed();
  }

  /** Which of the faces on the picture a choice such as "640,360@1.5" means; null where it means none of them. */
  function boxAt(found, choice) {
    const [, x, y, at_s] = choice.match(/^([\d.]+),([\d.]+)(?:@([\d.]+))?$/)?.map(Number) ?? [];
    if (x === undefined || Math.abs(at_s - found.at_s) > 0.001) return null;
    const at = found.boxes_px.findIndex(([l, t, r, b]) => l <= x && x < r && t <= y && y < b);
    return at < 0 ? null : at;
  }

  /** The face as the server is asked for it; "" leaves the choice to it. */
  function faceChoice({ found, chosen: k, wanted }) {
    if (wanted || k === null || found === null || found.boxes_px.length < 2) return wanted;
    const [left, top, right, bottom] = found.boxes_px[k];
    // with the time of the picture: at another time somebody else may be in that place
    return `${Math.round((left + right) / 2)},${Math.round((top + bottom) / 2)}@${Math.round(1000 * found.at_s) / 1000}`;
  }

  function dropFootage() {
    const one = state.footage;
    if (!one) return;
    one.stop?.abort();
    URL.revokeObjectURL(one.url);
    if (one.poster) URL.revokeObjectURL(one.poster);
    state.footage = null;
  }

  function showFootage() {
    const one = state.footage;
    const shape = one.width_px ? { aspectRatio: `${one.width_px} / ${one.height_px}` } : {};
    const frame = h("div", { class: "frame", style: shape });
    if (one.found) frame.append(h("img", { src: one.poster, alt: "A frame of your footage" }));
    else if (one.isPicture) frame.append(h("img", { src: one.url, alt: "Your portrait" }));
    else {
      const video = h("video", { src: one.url, muted: true, playsinline: true, preload: "auto", "aria-label": "Your footage" });
      video.muted = true;
      video.addEventListener("error", () => video.replaceWith(h("p", { class: "cannot" }, one.problem ? NOTHING : "This browser cannot show this format; Lipwright may still read it.")));
      frame.append(video);
    }
    const boxes = one.found?.boxes_px ?? [];
    boxes.forEach(([left, top, right, bottom], k) => {
      const per = (v, of) => `${(100 * v) / of}%`;
      const isOnly = boxes.length === 1;
      const isChosen = isOnly || one.chosen === k;
      frame.append(h("button", {
        type: "button", class: "face", "aria-pressed": String(isChosen), "aria-label": isOnly ? "The face that will speak" : `Let face ${k + 1} speak`,
        style: {
          left: per(left, one.found.width_px), top: per(top, one.found.height_px),
          width: per(right - left, one.found.width_px), height: per(bottom - top, one.found.height_px),
        },
        onclick: () => {
          one.chosen = one.chosen === k && !isOnly ? null : k;
          one.wanted = "";
          showFootage();
          tellFaces();
          showSummary();
          frame.isConnected || stage.querySelectorAll(".face")[k]?.focus();
        },
      }, h("span", { class: "face-name" }, isOnly ? "Face" : `Face ${k + 1}`)));
    });
    if (one.found && !one.isPicture) {
      frame.append(h("button", { type: "button", class: "stage-play", onclick: () => playFootage(frame, one) }, icon("play"), "Play"));
    }
    fill(stage, frame);
    fill(footageCard.querySelector(".card-actions"),
      h("span", { class: "file-name muted", dir: "auto", title: one.name }, shortened(one.name, 34)),
      one.duration_s ? h("span", { class: "muted" }, length(one.duration_s)) : null,
      one.width_px ? h("span", { class: "muted wide-only" }, `${one.width_px}×${one.height_px}`) : null,
      h("button", { type: "button", class: "quiet", onclick: () => footageInput.click() }, "Replace"),
      h("button", { type: "button", class: "icon-button", "aria-label": "Remove the footage", onclick: () => {
        dropFootage();
        emptyFootage();
        changed();
      } }, icon("close")));
  }

  function playFootage(frame, one) {
    const video = h("video", { src: one.url, controls: true, playsinline: true, "aria-label": "Your footage" });
    video.addEventListener("ended", () => showFootage());
    video.addEventListener("error", () => {
      showFootage();
      fill(footageNote, notice("warn", "This browser cannot play this format; Lipwright reads it all the same."));
    });
    fill(frame, video);
    video.play();
  }

  function tellFaces() {
    const one = state.footage;
    const n = one.found.boxes_px.length;
    if (!n) {
      fill(footageNote, notice("warn",
        h("strong", {}, "No face was found"), one.isPicture ? " in this picture. " : ` in ${one.found.n_looked} frames that were looked at. `,
        "Choose one in which a face is seen from the front, lit, and at least 60 pixels wide.",
        one.isPicture ? "" : " You can still go on: every frame is searched then."));
      return;
    }
    const words = n === 1 ? "One face was found; it will speak."
      : one.chosen === null && one.wanted ? `${n} faces were found. The one is taken that was asked for before: ${/^\d+$/.test(one.wanted) ? `number ${one.wanted} as “lipwright faces” counts` : one.wanted}. Click a face for another.`
      : one.chosen === null ? `${n} faces were found. Click the one that shall speak, or leave it: the one whose lips move with the sound is taken.`
        : `Face ${one.chosen + 1} of ${n} will speak.`;
    fill(footageNote, notice("info", words));
  }

  // --- speech --------------------------------------------------------------------------------------------

  const speechBox = h("div", { class: "speech-box" });
  const speechNote = h("div", { class: "note", role: "status" });
  const tabs = [["recording", "Recording", "mic"], ["text", "Text", "text"]].map(([kind, name, picture_]) =>
    h("button", { type: "button", role: "tab", id: `tab-${kind}`, "aria-controls": "speech-panel", onclick: () => setKind(kind), onkeydown: (event) => {
      if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
        setKind(kind === "recording" ? "text" : "recording");
        document.getElementById(`tab-${state.kind}`).focus();
      }
    } }, icon(picture_), name));
  const text = h("textarea", { id: "text", dir: "auto", rows: 4, maxlength: visitor.limits.max_text_chars, placeholder: "What shall the face say?", oninput: () => {
    countText();
    changed();
  } });
  const countText = () => {
    count.textContent = `${text.value.length} / ${visitor.limits.max_text_chars}`;
  };
  const count = h("span", { class: "muted count" }, `0 / ${visitor.limits.max_text_chars}`);
  const voice = h("select", { id: "voice", onchange: changed }, h("option", { value: "auto" }, "Auto: like the footage's own voice"));
  const language = h("select", { id: "language", onchange: changed }, h("option", { value: "" }, "Found out from the text"));
  const hear = h("button", { type: "button", class: "secondary", id: "hear", onclick: hearText }, icon("play"), "Listen");
  const heard = h("div", { class: "heard" });
  const speechCard = h("section", { class: "card", "aria-labelledby": "speech-title" },
    h("div", { class: "card-head" }, h("h2", { id: "speech-title" }, "Speech"),
      h("div", { class: "tabs", role: "tablist", "aria-label": "Where the speech comes from" }, tabs)),
    h("div", { id: "speech-panel", role: "tabpanel", "aria-labelledby": "tab-recording" }, speechBox), speechNote);

  function setKind(kind) {
    if (state.kind !== kind) state.quote = null;
    state.kind = kind;
    for (const tab of tabs) {
      const isOn = tab.id === `tab-${kind}`;
      tab.setAttribute("aria-selected", String(isOn));
      tab.tabIndex = isOn ? 0 : -1;
    }
    speechCard.querySelector("#speech-panel")?.setAttribute("aria-labelledby", `tab-${kind}`);
    showSpeech();
    changed();
  }

  function showSpeech() {
    nHearings++;
    player?.letGo();
    player = null;
    fill(speechNote);
    if (state.kind === "text") {
      fill(heard);
      fill(speechBox,
        h("label", { for: "text", class: "unseen" }, "Text to be spoken"), text,
        h("div", { class: "fields" },
          h("div", {}, h("label", { for: "voice" }, "Voice"), voice),
          h("div", {}, h("label", { for: "language" }, "Language"), language),
          h("div", { class: "hear" }, hear)),
        h("div", { class: "row" }, heard, count));
      fillVoices();
      return;
    }
    const one = state.speech;
    if (!one) {
      fill(speechBox, h("div", { class: "drop small" },
        icon("wave", 26),
        h("div", { class: "grow" }, h("p", { class: "drop-title" }, "Drop a recording here"), h("p", { class: "muted" }, "WAV, MP3, M4A, FLAC, or the sound of a video.")),
        h("div", { class: "row" },
          h("button", { type: "button", class: "secondary", onclick: () => speechInput.click() }, "Choose a file"),
          canRecord() && h("button", { type: "button", class: "secondary", onclick: () => record(false) }, icon("mic"), "Record"))));
      return;
    }
    player = soundPlayer(one.file, one.sound, { label: "the speech", playIcon: () => icon("play"), pauseIcon: () => icon("pause") });
    fill(speechBox, player.el, h("div", { class: "row between" },
      h("span", { class: "file-name muted", dir: "auto", title: one.name }, shortened(one.name, 40)),
      h("span", { class: "muted" }, one.duration_s ? length(one.duration_s) : ""),
      h("span", { class: "grow" }),
      h("button", { type: "button", class: "quiet", onclick: () => speechInput.click() }, "Replace"),
      h("button", { type: "button", class: "icon-button", "aria-label": "Remove the recording", onclick: () => {
        one.stop.abort();
        state.speech = null;
        showSpeech();
        changed();
      } }, icon("close"))));
  }

  function takeSpeech(file, known) {
    const done = bringSpeech(file, known);
    state.speech.ready = done;
    return done;
  }

  async function bringSpeech(file, known) {
    state.speech?.stop.abort();
    const one = { file, name: file.name, id: null, sound: null, duration_s: null, stop: new AbortController(), problem: null };
    state.speech = one;
    setKind("recording");
    const shown = listen(file).then((sound) => {
      if (state.speech !== one || isGone) return;
      one.sound = sound;
      one.duration_s ??= sound?.duration_s ?? null;
      showSpeech();
      changed();
    });
    try {
      one.id = known ?? (await upload(file, (share) => tellUpload(speechNote, share, one), one.stop.signal)).id;
      const seen = await api.media(one.id);
      await shown;
      if (state.speech !== one) return;
      if (seen.kind === "image") throw new Error("This is a picture. Choose a recording.");
      if (seen.has_sound === false) throw new Error("This video has no sound. Choose a recording, or a video in which somebody speaks.");
      one.duration_s = seen.kind === "audio" ? seen.duration_s : one.duration_s ?? seen.duration_s;
      fill(speechNote);
      showSpeech();
    } catch (error) {
      if (state.speech !== one || error.code === "aborted") return;
      one.problem = error;
      await shown;
      fill(speechNote, trouble(error, () => takeSpeech(file)));
    }
    changed();
  }

  /** Chooses it, also where it is not in the list (yet). */
  function pick(select, value, title = value) {
    if (![...select.options].some((one) => one.value === value)) select.append(h("option", { value, class: "brought" }, title));
    select.value = value;
  }

  let voicesAsked = null;
  let areVoicesShown = false;
  async function fillVoices() {
    voicesAsked ??= api.voices();
    let found;
    try {
      found = await voicesAsked;
    } catch (error) {
      voicesAsked = null;
      fill(speechNote, notice("bad", error.message));
      return;
    }
    if (areVoicesShown) return;
    areVoicesShown = true;
    const before = [voice.value, language.value];
    for (const one of [...voice.querySelectorAll(".brought"), ...language.querySelectorAll(".brought")]) one.remove();
    const groups = { female: "Women", male: "Men", unknown: "Other" };
    for (const [gender, title] of Object.entries(groups)) {
      const some = found.speakers.filter((one) => one.gender === gender && one.id !== "Auto");
      if (some.length) voice.append(h("optgroup", { label: title }, some.map((one) => h("option", { value: one.id }, one.name))));
    }
    language.append(...found.languages.map(([code, title]) => h("option", { value: code }, `${title} (${code})`)));
    pickVoice(found.speakers, before[0]);
    pick(language, before[1]);
    changed();
  }

  /** The APIs take a speaker by name or id, in any case. */
  function pickVoice(speakers, asked) {
    const speaker = speakers.find((one) => [one.id, one.name].some((word) => word.toLowerCase() === asked.trim().toLowerCase()));
    pick(voice, speaker ? (speaker.id === "Auto" ? "auto" : speaker.id) : asked);
  }

  let nHearings = 0; // also whoever turns to something else ends one
  async function hearText() {
    const key = textKey();
    const characters = [...text.value.trim()];
    const mine = ++nHearings;
    const isWanted = () => !isGone && mine === nHearings && textKey() === key;
    hear.disabled = true;
    fill(speechNote);
    fill(heard, h("span", { class: "busy muted" }, "Speaking…"));
    try {
      const asked = {
        text: characters.slice(0, SPOKEN_CHARACTERS).join(""), voice: voice.value, language: language.value || null, media: state.footage?.id ?? null,
      };
      const blob = await api.speech(asked);
      const sound = await listen(blob);
      if (asked.text && characters.length <= SPOKEN_CHARACTERS) state.spoken = { key, duration_s: sound?.duration_s };
      if (!isWanted()) {
        if (state.kind === "text") fill(heard, h("span", { class: "muted" }, "This was changed meanwhile: listen again."));
        hear.disabled = false;
        return;
      }
      player?.letGo();
      player = soundPlayer(blob, sound, { label: asked.text ? "the text" : "the sample", playIcon: () => icon("play"), pauseIcon: () => icon("pause") });
      fill(heard, player.el, h("span", { class: "muted" }, length(sound?.duration_s)));
      player.audio.play().catch(() => announce("Ready to be played"));
      changed();
    } catch (error) {
      fill(heard);
      if (isWanted()) fill(speechNote, notice("bad", error.message));
    }
    hear.disabled = false;
  }

  const textKey = () => JSON.stringify([text.value.trim(), voice.value, language.value]);

  /** What went wrong with a file; where the file is not to blame, it is sent again with one click. */
  function trouble(error, again) {
    return notice("bad", error.message, error.code === "offline"
      ? [" ", h("button", { type: "button", class: "link", onclick: again }, "Try again")] : null);
  }

  function tellUpload(place, share, one) {
    if (state.footage !== one && state.speech !== one) return;
    fill(place, h("div", { class: "upload" }, h("span", { class: "muted" }, share < 1 ? `Uploading ${Math.round(100 * share)} %` : "Checking the file…"),
      h("progress", { max: 1, value: share, "aria-label": "Upload" })));
  }

  async function takeSample() {
    let footage, speech;
    try {
      [footage, speech] = await Promise.all([api.blob("/playground/sample/portrait.mp4"), api.blob("/playground/sample/speech.flac")]);
    } catch (error) {
      fill(footageNote, trouble(error, takeSample));
      return;
    }
    takeFootage(new File([footage], "sample portrait.mp4", { type: "video/mp4" }));
    if (state.kind === "recording" && !state.speech) takeSpeech(new File([speech], "sample speech.flac", { type: "audio/flac" }));
  }

  async function record(withPicture) {
    const { recorder } = await import("./record.js");
    if (isGone) return;
    const file = await recorder(withPicture);
    if (file && !isGone) withPicture ? takeFootage(file) : takeSpeech(file);
  }

  // --- choices -------------------------------------------------------------------------------------------

  const chosen = { when_short: "bounce", when_long: "cut" };
  const lengthBox = h("div", { class: "lengths" });

  function showLengths() {
    const footage_s = state.footage?.isPicture ? null : state.footage?.duration_s;
    const speech_s = speechLength();
    const isLong = footage_s && speech_s && footage_s > speech_s + 0.05;
    const isShort = footage_s && speech_s && footage_s < speech_s - 0.05;
    const says = state.footage?.isPicture ? "A portrait is as long as its speech."
      : isLong ? `The footage (${length(footage_s)}) is longer than the speech (${length(speech_s)}).`
        : isShort ? `The footage (${length(footage_s)}) is shorter than the speech (${length(speech_s)}).`
          : footage_s && speech_s ? "Footage and speech are equally long." : "What happens when the footage is shorter than the speech.";
    const isLongShown = Boolean(isLong);
    const name = isLongShown ? "when_long" : "when_short";
    const key = `${name}${says}${chosen[name]}`;
    if (lengthBox.dataset.key === key) return;
    lengthBox.dataset.key = key;
    const hadFocus = lengthBox.contains(document.activeElement);
    fill(lengthBox, h("fieldset", { class: "policies" },
      h("legend", {}, "Length"), h("p", { class: "muted small", id: "length-says" }, says),
      !state.footage?.isPicture && (isLongShown ? LONG : SHORT).map(([value, title, about]) =>
        h("label", { class: "policy" },
          h("input", { type: "radio", name, value, checked: chosen[name] === value, onchange: () => {
            chosen[name] = value;
            showLengths();
            changed();
          } }),
          picture(isLongShown ? `long-${value}` : value),
          h("span", { class: "policy-words" }, h("span", { class: "policy-title" }, title), h("span", { class: "muted small policy-about" }, about))))));
    if (hadFocus) lengthBox.querySelector("input:checked")?.focus();
  }

  const intensity = h("input", { type: "range", id: "intensity", min: 0.5, max: 1.5, step: 0.05, value: 1, oninput: () => tellIntensity() });
  const intensitySays = h("output", { for: "intensity", class: "muted" });
  const tellIntensity = () => {
    intensitySays.textContent = `${Math.round(intensity.value * 100)} %`;
  };
  tellIntensity();
  function setIntensity(far) {
    intensity.value = far;
    // between the steps of the slider
    if (Number(intensity.value) !== far) Object.assign(intensity, { step: "any", value: far });
    tellIntensity();
  }
  const quality = h("select", { id: "quality" }, Object.entries(QUALITY).map(([crf, title]) => h("option", { value: crf }, title)));
  quality.value = "18";
  const ownSound = h("select", { id: "own-sound" },
    h("option", { value: "" }, "Left out"), h("option", { value: "-18" }, "Very quiet (−18 dB)"), h("option", { value: "-12" }, "Quiet (−12 dB)"), h("option", { value: "0" }, "As loud as it is"));
  const engine = h("select", { id: "engine", onchange: () => {
    // which are of the engine that it was
    const { engine_options: _, ...others } = state.kept;
    keep(others);
  } }, h("option", { value: "lipwright/rewrite" }, "Rewrite"));
  const engineField = h("div", { hidden: true }, h("label", { for: "engine" }, "Engine"), engine);
  const more = h("details", { class: "more", ontoggle: async () => {
    if (!more.open || engine.dataset.known) return;
    let models;
    try {
      models = await api.models();
    } catch {
      return; // the engine that is chosen stays so; opened again, it is asked again
    }
    engine.dataset.known = "yes";
    const own = models.map((one) => one.model_id).filter((id) => id.startsWith("lipwright/"));
    const before = engine.value;
    fill(engine, own.map((id) => h("option", { value: id }, id.slice(10, 11).toUpperCase() + id.slice(11))));
    engine.value = own.includes(before) ? before : own[0];
    engineField.hidden = own.length < 2;
  } }, h("summary", {}, "More"),
    h("div", { class: "more-fields" },
      h("div", {}, h("div", { class: "row between" }, h("label", { for: "intensity" }, "How far the mouth moves"), intensitySays), intensity),
      h("div", {}, h("label", { for: "quality" }, "Picture quality"), quality),
      h("div", {}, h("label", { for: "own-sound" }, "The footage's own sound"), ownSound),
      engineField));

  // --- price and submit ----------------------------------------------------------------------------------

  const keptNote = h("div", { class: "note", id: "kept", role: "status" });
  const figures = h("dl", { class: "figures" });
  const button = h("button", { type: "button", class: "primary wide", id: "run", onclick: submit }, "Make it speak");
  const lacking = h("div", { class: "lacking", id: "lacking", role: "status" });
  const summary = h("section", { class: "card summary", "aria-label": "Price and start" }, figures, button, lacking);

  function speechLength() {
    if (state.kind === "recording") return state.speech?.problem ? null : state.speech?.duration_s ?? null;
    if (!text.value.trim()) return null;
    // until it is heard, as long as the server expects it to be
    return state.spoken?.key === textKey() ? state.spoken.duration_s : state.quote?.speech_s ?? null;
  }

  let timer = 0;
  let nAsked = 0;
  function changed() {
    if (isGone) return;
    showLengths();
    hear.lastChild.textContent = text.value.trim() ? "Listen" : "Hear this voice";
    clearTimeout(timer);
    const asked = ++nAsked;
    const isUnheard = state.kind === "text" && text.value.trim() && state.spoken?.key !== textKey();
    const wanted = isUnheard ? { text: text.value.trim() } : { speech_s: speechLength() };
    // what is made is as long as the longer one
    if (chosen.when_long === "keep" && !state.footage?.isPicture) wanted.kept_s = state.footage?.duration_s;
    if (!wanted.text && !wanted.speech_s) state.quote = null;
    showSummary();
    if (!wanted.text && !wanted.speech_s) return;
    timer = setTimeout(async () => {
      let quote = null;
      try {
        quote = await api.quote(wanted);
      } catch {
        // no price is shown
      }
      if (isGone || asked !== nAsked) return;
      state.quote = quote;
      showLengths();
      showSummary();
    }, 250);
  }

  function showSummary() {
    const speech_s = speechLength();
    const about = state.kind === "text" && state.spoken?.key !== textKey() ? "about " : "";
    const quote = speech_s ? state.quote : null;
    fill(figures,
      h("div", {}, h("dt", {}, "Speech"), h("dd", {}, speech_s ? `${about}${length(speech_s)}` : "–")),
      h("div", {}, h("dt", {}, "Price"), h("dd", {}, quote ? `${about}${usd(quote.price_usd)}` : "–")),
      h("div", {}, h("dt", {}, "Ready in"), h("dd", {}, quote ? `about ${roughly(quote.work_s + 2)}` : "–")),
      quote?.n_before ? h("div", {}, h("dt", {}, "Before you"), h("dd", {}, `${quote.n_before} ${quote.n_before === 1 ? "job" : "jobs"}`)) : null);
    if (state.refusal && state.refusal.key !== wishKey()) state.refusal = null;
    if (state.refusal) {
      fill(lacking, notice("bad", state.refusal.message));
    } else if (quote && !quote.is_affordable) {
      fill(lacking, notice("warn", `This costs ${usd(quote.price_usd)}, and you have ${usd(quote.balance_usd)} left. Ask whoever runs this service for credit.`));
    } else if (lacking.dataset.asked) {
      fill(lacking, lack() ? h("p", { class: "muted" }, lack()[0]) : null);
    } else fill(lacking);
  }

  /** What is missing, and where to go for it; null where nothing is. */
  function lack() {
    const { footage, speech, kind } = state;
    if (!footage) return ["First choose the footage.", () => stage.querySelector("button")];
    if (footage.problem?.code === "offline") return ["The footage was not uploaded. Try again.", () => footageNote.querySelector("button")];
    if (footage.problem) return ["The footage cannot be used. Choose another.", () => footageCard.querySelector(".card-actions button")];
    if (kind === "text" && !text.value.trim()) return ["Type what shall be said.", () => text];
    if (kind === "recording" && !speech) return ["Choose the speech, or type a text.", () => speechBox.querySelector("button")];
    if (kind === "recording" && speech.problem?.code === "offline") return ["The recording was not uploaded. Try again.", () => speechNote.querySelector("button")];
    if (kind === "recording" && speech.problem) return ["The recording cannot be used. Choose another.", () => speechBox.querySelector("button")];
    return null;
  }

  function inputs() {
    const { footage } = state;
    const made = { video: `media:${footage.id}` };
    if (state.kind === "text") {
      Object.assign(made, { text: text.value.trim(), voice: voice.value });
      if (language.value) made.language = language.value;
    } else made.audio = `media:${state.speech.id}`;
    const face = faceChoice(footage);
    if (face) made.face = face;
    Object.assign(made, state.kept, chosen, { intensity: Number(intensity.value), crf: Number(quality.value) });
    if (ownSound.value) made.keep_original_db = Number(ownSound.value);
    return made;
  }

  /** The same as long as the same would be asked for. */
  const wishKey = () => lack()?.[0] ?? JSON.stringify([engine.value, inputs()]);

  /** Waits for the uploads of what is chosen, also where another file is chosen meanwhile. */
  async function uploads() {
    const needed = () => [state.footage, state.kind === "recording" ? state.speech : null];
    let awaited;
    do {
      awaited = needed();
      await Promise.all(awaited.map((one) => one?.ready));
    } while (needed().some((one, k) => one !== awaited[k]));
    if (lack()) throw new Error(lack()[0]);
    const broken = awaited.find((one) => one && !one.id);
    if (broken) throw new Error(`“${broken.name}” was not uploaded. Choose it again.`);
  }

  async function submit() {
    const lacks = lack();
    if (lacks) {
      lacking.dataset.asked = "yes";
      showSummary();
      lacks[1]?.()?.focus();
      return;
    }
    button.disabled = true;
    state.refusal = null;
    try {
      button.textContent = "Uploading…";
      await uploads();
      button.textContent = "Sending…";
      const job = await api.submit(engine.value, inputs());
      if (!isGone) go(`/jobs/${job.id}`);
    } catch (error) {
      if (isGone) return;
      state.refusal = { message: error.message, key: wishKey() };
      showSummary();
      button.disabled = false;
      button.textContent = "Make it speak";
    }
  }

  // --- dropping, and what was before ---------------------------------------------------------------------

  const isSound = (file) => file.type.startsWith("audio/") || /\.(wav|mp3|m4a|flac|ogg|opus|aac)$/i.test(file.name);
  for (const [card, take] of [[footageCard, null], [speechCard, takeSpeech]]) {
    card.addEventListener("dragover", (event) => {
      event.preventDefault();
      card.classList.add("over");
    });
    card.addEventListener("dragleave", () => card.classList.remove("over"));
    card.addEventListener("drop", (event) => {
      event.preventDefault();
      card.classList.remove("over");
      for (const file of event.dataTransfer.files) (take ?? (isSound(file) ? takeSpeech : takeFootage))(file);
    });
  }

  /** Passes these options on as they are, and says so. */
  function keep(options) {
    state.kept = options;
    const words = Object.entries(options).map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`);
    fill(keptNote, words.length ? notice("info", `Kept from before: ${words.join(", ")}. `,
      h("button", { type: "button", class: "link", onclick: () => {
        keep({});
        changed();
      } }, "Leave out")) : null);
  }

  let isWhole = true; // false until all is here that is brought from before
  const lists = { voice, language, quality, ownSound, engine };

  /** What was brought, typed and chosen; null where there is nothing yet that would be missed. */
  function unsent() {
    const { kind, footage, speech, kept, wanted } = state;
    if (!isWhole || !(footage || speech || text.value)) return null;
    return {
      kind, kept, text: text.value, chosen: { ...chosen }, intensity: Number(intensity.value),
      picked: Object.entries(lists).map(([name, list]) => [name, list.value, list.selectedOptions[0]?.textContent]),
      wanted: footage ? faceChoice(footage) : wanted,
      footage: footage && { file: footage.file, id: footage.id },
      speech: speech && { file: speech.file, id: speech.id },
    };
  }

  function restore(before) {
    Object.assign(chosen, before.chosen);
    setIntensity(before.intensity);
    for (const [name, value, title] of before.picked) pick(lists[name], value, title);
    text.value = before.text;
    countText();
    keep(before.kept);
    state.wanted = before.wanted;
    if (before.footage) takeFootage(before.footage.file, before.footage.id);
    if (before.speech) takeSpeech(before.speech.file, before.speech.id);
    setKind(before.kind);
  }

  async function again(id) {
    const job = await api.job(id);
    if (isGone) return;
    const { text: said, voice: by, language: tongue } = job.request;
    const { face, engine: model, when_short, when_long, intensity: far, crf, keep_original_db: own_db, ...kept } = job.request.options;
    const options = { when_short, when_long };
    for (const name of ["when_short", "when_long"]) if (options[name]) chosen[name] = options[name];
    if (far !== undefined) setIntensity(far);
    if (crf !== undefined) pick(quality, String(crf), `As before: CRF ${crf}`);
    if (own_db !== undefined && own_db !== null) pick(ownSound, String(own_db), `As before: ${own_db} dB`);
    if (model) pick(engine, `lipwright/${model}`, model);
    const wanted = face && face !== "auto" ? face : "";
    if (!job.inputs.video) state.wanted = wanted;
    keep(kept);
    const brought = async (one) => new File([await api.blob(one.url)], one.filename, { type: one.content_type });
    const bring = async (one, place, take) => {
      try {
        const file = await brought(one);
        if (!isGone) take(file, one.id, wanted);
      } catch (error) {
        fill(place, notice("bad", error.message));
      }
    };
    const brings = [];
    if (job.inputs.video) brings.push(bring(job.inputs.video, footageNote, takeFootage));
    if (said) {
      text.value = said;
      countText();
      pick(voice, by || "auto");
      pick(language, tongue ?? "");
      setKind("text");
    } else if (job.inputs.audio) brings.push(bring(job.inputs.audio, speechNote, takeSpeech));
    if (!job.inputs.video) fill(footageNote, notice("warn", "The footage of that video is not kept any more. Choose it again."));
    await Promise.all(brings);
  }

  fill(main, h("h1", { class: "unseen" }, "New video"),
    h("div", { class: "compose" },
      h("div", { class: "compose-main" }, footageCard, speechCard),
      h("aside", { class: "compose-side", "aria-label": "Choices" }, h("section", { class: "card" }, lengthBox, more, keptNote), summary)),
    footageInput, speechInput);
  emptyFootage();
  setKind("recording");
  const from = new URLSearchParams(location.search).get("from");
  if (draft) restore(draft);
  else if (from) {
    isWhole = false;
    again(from).catch((error) => fill(footageNote, notice("bad", error.message))).finally(() => {
      isWhole = true;
    });
  }

  const leave = () => {
    isGone = true;
    clearTimeout(timer);
    dropFootage();
    state.speech?.stop.abort();
    player?.letGo();
    for (const act of letGo) act();
  };
  return Object.assign(leave, { draft: unsent });
}

const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia && window.MediaRecorder);
