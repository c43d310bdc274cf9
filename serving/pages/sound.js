// A short sound and, where a device can, a tremble for what comes next: an inspector looks at the item, not at the screen.

import { $ } from "./dom.js";

const KEPT = "regrade.sound";
const QUIET = 0.12;
/** By state: [hertz, seconds from the start] of each note, and the tremble in milliseconds. */
const SIGNALS = {
  put: { notes: [[660, 0], [990, 0.11]], tremble: [40] },
  aside: { notes: [[520, 0], [520, 0.16]], tremble: [40, 60, 40] },
  decide: { notes: [[784, 0], [784, 0.12], [784, 0.24]], tremble: [30, 40, 30, 40, 30] },
  count: { notes: [[784, 0], [587, 0.14]], tremble: [30, 40, 30] },
  retake: { notes: [[440, 0], [294, 0.16]], tremble: [180] },
};
let context = null;

export const soundOn = () => localStorage.getItem(KEPT) === "on";

/** Tell of `inspection` by sound and touch. Never throws: a bench without a loudspeaker grades as well. */
export function signal(inspection) {
  const found = SIGNALS[inspection.now?.state];
  if (!found) return;
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) navigator.vibrate?.(found.tremble);
  if (soundOn()) play(found.notes);
}

function play(notes) {
  try {
    context ??= new AudioContext();
    context.resume();
    for (const [hertz, after] of notes) note(hertz, context.currentTime + after);
  } catch {
    // No sound device, or none that a page may use.
  }
}

function note(hertz, from) {
  const tone = context.createOscillator(), loudness = context.createGain();
  tone.frequency.value = hertz;
  // Without a ramp a note clicks at both ends.
  loudness.gain.setValueAtTime(0, from);
  loudness.gain.linearRampToValueAtTime(QUIET, from + 0.01);
  loudness.gain.linearRampToValueAtTime(0, from + 0.1);
  tone.connect(loudness).connect(context.destination);
  tone.start(from);
  tone.stop(from + 0.11);
}

/** The switch, which this browser remembers; off at first. Turning it on plays what it turns on. */
export function wireSound() {
  const button = $("sound");
  const draw = () => button.setAttribute("aria-pressed", String(soundOn()));
  button.addEventListener("click", () => {
    localStorage.setItem(KEPT, soundOn() ? "off" : "on");
    draw();
    if (soundOn()) play(SIGNALS.put.notes);
  });
  draw();
}
