// Two pictures, one clock: the result plays, and the footage is kept beside it.
import { footageAt } from "./lengths.js";

const FAR_S = 0.3;
const GAIN = 4; // of the second that it is late, so much is made up for each second
const NEAR_S = 0.004;
const ROUNDED_S = 0.0005; // times of frames are told in whole milliseconds

/**
 * Keeps `before` (a video; null for a picture or footage that is gone) where `after` is.
 * `spec`: {frame_s, starts_s, source_s, result_s, policy}; `starts_s`, when each frame is shown, where the rate varies.
 * Sends "time" whenever the page is drawn.
 */
export class Players extends EventTarget {
  constructor(after, before, spec) {
    super();
    Object.assign(this, { after, before, spec, loop: null, rate: 1 });
    this.isOver = false;
    for (const name of ["play", "pause", "ratechange", "seeked"]) after.addEventListener(name, () => this.follow());
    after.addEventListener("ended", () => {
      this.follow();
      if (this.loop) this.toggle();
    });
    if (before) before.muted = true;
    const tick = () => {
      if (this.isOver) return;
      this.keep();
      this.dispatchEvent(new Event("time"));
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  get time_s() {
    return this.after.currentTime;
  }

  /** The number of the frame that is shown. */
  get frame() {
    return this.frameAt(this.time_s);
  }

  frameAt(time_s) {
    const { frame_s, starts_s } = this.spec;
    if (!starts_s) return Math.floor(time_s / frame_s + 1e-3);
    let [low, high] = [0, starts_s.length]; // the last that has begun
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts_s[middle] <= time_s + ROUNDED_S) low = middle;
      else high = middle;
    }
    return low;
  }

  /** When half of a frame has been shown. */
  middle(frame) {
    const { frame_s, starts_s, result_s } = this.spec;
    if (!starts_s) return (frame + 0.5) * frame_s;
    return (starts_s[frame] + Math.max(starts_s[frame], starts_s[frame + 1] ?? result_s)) / 2;
  }

  /** The latest moment that shows the last frame for sure. */
  get last_s() {
    const { frame_s, starts_s, result_s } = this.spec;
    return starts_s?.length ? this.middle(starts_s.length - 1) : result_s - frame_s / 2;
  }

  get isPlaying() {
    return !this.after.paused && !this.after.ended;
  }

  at(time_s) {
    const { source_s, result_s, policy, frame_s } = this.spec;
    return footageAt(time_s, source_s, result_s, policy, frame_s);
  }

  toggle() {
    if (this.isPlaying) this.after.pause();
    else {
      if (this.after.ended || this.time_s > this.last_s) this.seek(this.loop?.[0] ?? 0);
      this.after.play();
      if (this.at(this.time_s).direction > 0) this.before?.play().catch(() => {});
    }
  }

  seek(time_s) {
    const to_s = Math.min(Math.max(0, time_s), Math.max(0, this.last_s));
    this.after.currentTime = to_s;
    if (this.before && !this.isPlaying) this.before.currentTime = this.at(to_s).at_s;
  }

  /** To the middle of another frame, so that no rounding shows its neighbour. */
  step(n) {
    this.after.pause();
    const to = Math.max(0, this.frame + n);
    this.seek(this.middle(this.spec.starts_s ? Math.min(to, this.spec.starts_s.length - 1) : to));
  }

  speed(rate) {
    this.rate = rate;
    this.after.playbackRate = rate;
    this.follow();
  }

  follow() {
    if (!this.before) return;
    const { at_s, direction } = this.at(this.time_s);
    if (!this.isPlaying || direction <= 0) {
      this.before.pause();
      if (Math.abs(this.before.currentTime - at_s) > this.spec.frame_s / 4) this.before.currentTime = at_s;
      return;
    }
    if (Math.abs(this.before.currentTime - at_s) > FAR_S) this.before.currentTime = at_s;
    if (this.before.paused) this.before.play().catch(() => {});
  }

  keep() {
    if (this.loop && this.isPlaying && (this.time_s >= this.loop[1] || this.time_s < this.loop[0] - 0.5)) this.seek(this.loop[0]);
    if (!this.before || !this.isPlaying) return;
    const { at_s, direction } = this.at(this.time_s);
    if (direction <= 0) {
      if (!this.before.paused) this.before.pause();
      if (!this.before.seeking && Math.abs(this.before.currentTime - at_s) > this.spec.frame_s / 2) this.before.currentTime = at_s;
      return;
    }
    if (this.before.paused) this.before.play().catch(() => {});
    if (this.before.seeking || this.after.seeking) return;
    const late_s = at_s - this.before.currentTime;
    if (Math.abs(late_s) > FAR_S) this.before.currentTime = at_s + 0.05 * direction;
    else {
      const haste = Math.abs(late_s) < NEAR_S ? 0 : Math.min(0.5, Math.max(-0.5, Math.round(100 * GAIN * late_s) / 100));
      const rate = this.rate * direction * (1 + haste);
      if (this.before.playbackRate !== rate) this.before.playbackRate = rate;
    }
  }

  close() {
    this.isOver = true;
    for (const video of [this.after, this.before]) {
      if (!video) continue;
      video.pause();
      video.removeAttribute("src");
      video.load();
    }
  }
}
