// A scanner types like a keyboard, only faster than anybody can, and ends with Enter: keys that come so belong to a code.

const FAST_MS = 120; // between the first keys where nobody types: wireless scanners are slow
const FAST_IN_FIELD_MS = 50; // on average, where somebody may type, quickly
const PAUSE_MS = 250; // what is typed after it begins anew: a busy tablet may stop for a moment, and a code stays whole
const ENTER_MS = 300;
const SHORTEST = 3;
const SHORTEST_IN_FIELD = 6;
let last = -Infinity;
let code = "";
let field = null; // the field that is typed into, with what stood there before, and when that began
let before = "";
let since = 0;

const fieldOf = (target) => target.closest?.("input:not([type=range]), textarea") ?? null;

/**
 * Tell `onScan(code)` of codes that are scanned, wherever the focus is; no key of theirs does anything else, and what they
 * typed into a field is taken out of it again. A field that is empty keeps its code: it was meant for it.
 */
export function listenForScans(onScan) {
  document.addEventListener("keydown", (event) => {
    const gap = event.timeStamp - last;
    last = event.timeStamp;
    if (event.ctrlKey || event.metaKey || event.altKey) {
      code = "";
      return;
    }
    const target = fieldOf(event.target);
    if (target) return inField(event, target, gap, onScan);
    if (event.key.length === 1) {
      code = gap < PAUSE_MS ? code + event.key : event.key;
      // A list that has the focus would go to what begins with that letter.
      if (code.length > 1 || event.target.closest?.("select")) swallow(event);
    } else if (event.key === "Enter" && gap < ENTER_MS && code.length > 1) {
      swallow(event);
      finish(onScan, SHORTEST);
    } else if (event.key !== "Shift") {
      code = "";
    }
  }, { capture: true });
}

function inField(event, target, gap, onScan) {
  if (event.key.length === 1) {
    if (gap < PAUSE_MS && field === target) code += event.key;
    else [code, field, before, since] = [event.key, target, target.value, event.timeStamp];
  } else if (event.key === "Enter") {
    const fast = (event.timeStamp - since) / code.length < FAST_IN_FIELD_MS;
    if (!fast || field !== target || !before || code.length < SHORTEST_IN_FIELD) {
      code = ""; // what comes next is another one
      field = null;
      return;
    }
    swallow(event);
    target.value = before;
    finish(onScan, SHORTEST_IN_FIELD);
  } else if (event.key !== "Shift") {
    code = "";
    field = null;
  }
}

function finish(onScan, shortest) {
  const scanned = code;
  code = "";
  field = null;
  if (scanned.length >= shortest) onScan(scanned);
}

function swallow(event) {
  event.preventDefault();
  event.stopPropagation();
}

/** Do what one key asks for, unless it turns out to be the first of a code. */
export function unlessScanned(act) {
  setTimeout(() => code.length <= 1 && act(), FAST_MS + 20);
}
