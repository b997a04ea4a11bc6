// What happens when footage and speech differ in length, each with a small picture: time runs to the right.

const NS = "http://www.w3.org/2000/svg";

function part(tag, attributes) {
  const el = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, value);
  return el;
}

// each segment of footage: from x, to x, and how it is drawn; the speech is the bar underneath
const DRAWN = {
  bounce: { footage: [[2, 32, "there"], [32, 62, "back"]], speech: [2, 62] },
  loop: { footage: [[2, 32, "there"], [32, 62, "there"]], speech: [2, 62] },
  freeze: { footage: [[2, 32, "there"], [32, 62, "held"]], speech: [2, 62] },
  remap: { footage: [[2, 62, "slow"]], speech: [2, 62] },
  cut: { footage: [[2, 32, "there"]], speech: [2, 32], lost: [32, 62] },
  "long-cut": { footage: [[2, 36, "there"]], gone: [36, 62], speech: [2, 36] },
  "long-keep": { footage: [[2, 36, "there"], [36, 62, "rest"]], speech: [2, 36] },
};

function arrow(x, y, points) {
  return part("path", { d: points > 0 ? `M${x} ${y - 3}l4 3-4 3` : `M${x + 4} ${y - 3}l-4 3 4 3`, class: "lp-arrow" });
}

/** The picture of one policy. */
export function picture(name) {
  const drawn = DRAWN[name];
  const svg = part("svg", { viewBox: "0 0 64 30", width: 64, height: 30, "aria-hidden": "true", class: "lp" });
  for (const [from, to, how] of drawn.footage) {
    svg.append(part("rect", { x: from, y: 3, width: to - from - 1, height: 13, rx: 2, class: `lp-film lp-${how}` }));
    const step = how === "slow" ? 14 : 8;
    if (how === "held") svg.append(part("path", { d: `M${(from + to) / 2 - 2} 6.5v6M${(from + to) / 2 + 2} 6.5v6`, class: "lp-arrow" }));
    else if (how !== "rest") {
      for (let x = from + 5; x < to - 5; x += step) svg.append(arrow(x, 9.5, how === "back" ? -1 : 1));
    }
  }
  if (drawn.gone) svg.append(part("rect", { x: drawn.gone[0] + 0.5, y: 3.5, width: drawn.gone[1] - drawn.gone[0] - 1, height: 12, rx: 2, class: "lp-gone" }));
  const [from, to] = drawn.speech;
  svg.append(part("rect", { x: from, y: 21, width: to - from - 1, height: 5, rx: 2.5, class: "lp-speech" }));
  if (drawn.lost) svg.append(part("rect", { x: drawn.lost[0] + 0.5, y: 21.5, width: drawn.lost[1] - drawn.lost[0] - 1, height: 4, rx: 2, class: "lp-gone" }));
  return svg;
}

export const SHORT = [
  ["bounce", "Back and forth", "Turns round at the end and plays backwards. Smooth, and the usual choice."],
  ["loop", "Start again", "Plays from the start again; the seam can be seen."],
  ["freeze", "Hold the last picture", "Only the lips move on."],
  ["remap", "Slow down", "Stretches the footage evenly over the speech."],
  ["cut", "End with the footage", "The rest of the speech is left out."],
];
export const LONG = [
  ["cut", "End with the speech", "The rest of the footage is left out."],
  ["keep", "Keep the rest", "The mouth is at rest once the speech has ended."],
];

/** What the footage shows at `time_s` of the result: `{at_s, direction}`; direction 1 plays, -1 runs back, 0 stands. */
export function footageAt(time_s, source_s, result_s, policy, frame_s) {
  if (!source_s) return { at_s: time_s, direction: 1 };
  const isShort = result_s > source_s + frame_s;
  if (isShort && policy === "remap") return { at_s: (time_s * source_s) / result_s, direction: source_s / result_s };
  if (!isShort || time_s < source_s) return { at_s: Math.min(time_s, source_s), direction: 1 };
  if (policy === "loop") return { at_s: time_s % source_s, direction: 1 };
  if (policy === "bounce") {
    const period_s = 2 * (source_s - frame_s);
    const within_s = time_s % period_s;
    return within_s < source_s ? { at_s: within_s, direction: 1 } : { at_s: period_s - within_s + frame_s, direction: -1 };
  }
  return { at_s: Math.max(0, source_s - frame_s / 2), direction: 0 };
}
