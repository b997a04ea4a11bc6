// Sound as a picture: decoded in the browser, drawn on a canvas that follows its box and the theme.

let context = null;

/** The peaks of some sound: `{duration_s, peaks}`, peaks one number in 0..1 for each 10 ms; null where it cannot be read. */
export async function listen(blob) {
  context ??= new OfflineAudioContext(1, 1, 16000);
  let sound;
  try {
    sound = await context.decodeAudioData(await blob.arrayBuffer());
  } catch {
    return null;
  }
  const samples = sound.getChannelData(0);
  const step = Math.round(sound.sampleRate / 100);
  const peaks = new Float32Array(Math.ceil(samples.length / step));
  for (let k = 0; k < peaks.length; k++) {
    let most = 0;
    for (let i = k * step, end = Math.min(i + step, samples.length); i < end; i++) most = Math.max(most, Math.abs(samples[i]));
    peaks[k] = most;
  }
  const loudest = peaks.reduce((a, b) => Math.max(a, b), 1e-4);
  return { duration_s: sound.duration, peaks: peaks.map((v) => v / loudest) };
}

/** A colour of the theme. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** A canvas that calls `draw(context, width, height)` in CSS pixels, whenever its box or the theme changes. */
export function canvas(className, draw) {
  const el = document.createElement("canvas");
  el.className = className;
  el.setAttribute("aria-hidden", "true");
  const redraw = () => {
    const box = el.getBoundingClientRect();
    if (!box.width || !box.height) return;
    const scale = devicePixelRatio || 1;
    const width = Math.round(box.width * scale);
    const height = Math.round(box.height * scale);
    if (el.width !== width || el.height !== height) Object.assign(el, { width, height });
    const on = el.getContext("2d");
    on.setTransform(scale, 0, 0, scale, 0, 0);
    on.clearRect(0, 0, box.width, box.height);
    draw(on, box.width, box.height);
  };
  const observer = new ResizeObserver(redraw);
  observer.observe(el);
  addEventListener("themechange", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  const letGo = () => {
    observer.disconnect();
    removeEventListener("themechange", redraw);
  };
  return { el, redraw, letGo };
}

/** Bars from the middle, `from_s` to `to_s` of the sound over the whole width; those before `played_s` in `colourPlayed`. */
export function drawWave(on, width, height, sound, { from_s = 0, to_s = sound.duration_s, played_s = -1, colours }) {
  const bar = 2;
  const gap = 1;
  const n = Math.floor(width / (bar + gap));
  const middle = height / 2;
  for (let k = 0; k < n; k++) {
    const start = Math.floor((from_s + ((to_s - from_s) * k) / n) * 100);
    const stop = Math.max(start + 1, Math.floor((from_s + ((to_s - from_s) * (k + 1)) / n) * 100));
    let most = 0;
    for (let i = start; i < stop && i < sound.peaks.length; i++) most = Math.max(most, sound.peaks[i]);
    const tall = Math.max(1, most * (height - 4));
    on.fillStyle = start / 100 < played_s ? colours[1] : colours[0];
    on.fillRect(k * (bar + gap), middle - tall / 2, bar, tall);
  }
}

/** A player of a recording: a button, its waveform to click in, its length. `blob` is what is heard. */
export function soundPlayer(blob, sound, { label, playIcon, pauseIcon }) {
  const url = URL.createObjectURL(blob);
  const audio = new Audio(url);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "round";
  const place = document.createElement("input");
  Object.assign(place, { type: "range", min: 0, max: 1000, value: 0, className: "wave-place" });
  place.setAttribute("aria-label", `Place in ${label}`);
  const total_s = () => sound?.duration_s ?? (Number.isFinite(audio.duration) ? audio.duration : 0);
  const picture = canvas("wave", (on, width, height) => {
    const colours = [colour("wave"), colour("accent")];
    if (sound) drawWave(on, width, height, sound, { played_s: audio.currentTime || -1, colours });
    else {
      on.fillStyle = colours[0];
      on.fillRect(0, height / 2 - 1, width, 2);
      on.fillStyle = colours[1];
      on.fillRect(0, height / 2 - 1, (width * audio.currentTime) / (total_s() || 1), 2);
    }
  });
  const show = () => {
    button.replaceChildren(audio.paused ? playIcon() : pauseIcon());
    button.setAttribute("aria-label", `${audio.paused ? "Play" : "Pause"} ${label}`);
  };
  let ticking = 0;
  const tick = () => {
    picture.redraw();
    place.value = total_s() ? (1000 * audio.currentTime) / total_s() : 0;
    if (!audio.paused) ticking = requestAnimationFrame(tick);
  };
  button.addEventListener("click", () => (audio.paused ? audio.play() : audio.pause()));
  place.addEventListener("input", () => {
    audio.currentTime = (place.value / 1000) * total_s();
    picture.redraw();
  });
  for (const name of ["play", "pause", "ended"]) {
    audio.addEventListener(name, () => {
      show();
      tick();
    });
  }
  show();
  const el = document.createElement("div");
  el.className = "sound";
  const box = document.createElement("div");
  box.className = "wave-box";
  box.append(picture.el, place);
  el.append(button, box);
  return {
    el,
    audio,
    letGo() {
      audio.pause();
      cancelAnimationFrame(ticking);
      picture.letGo();
      URL.revokeObjectURL(url);
    },
  };
}
