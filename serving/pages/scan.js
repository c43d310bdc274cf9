// A scanner types like a keyboard, only faster than anybody can, and ends with Enter: keys that come so belong to a code.

const FAST_MS = 50;
const SHORTEST = 4;
let last = -Infinity;
let code = "";

const inField = (target) => target.closest?.("input, select, textarea") != null;

/** Tell `onScan(code)` of codes that are scanned while no field has the focus; no key of theirs does anything else. */
export function listenForScans(onScan) {
  document.addEventListener("keydown", (event) => {
    const fast = event.timeStamp - last < FAST_MS;
    last = event.timeStamp;
    if (inField(event.target) || event.ctrlKey || event.metaKey || event.altKey) {
      code = "";
      return;
    }
    if (event.key.length === 1) {
      code = fast ? code + event.key : event.key;
      if (code.length > 1) swallow(event);
    } else if (event.key === "Enter" && fast && code.length >= SHORTEST) {
      swallow(event);
      const scanned = code;
      code = "";
      onScan(scanned);
    } else if (event.key !== "Shift") {
      code = "";
    }
  }, { capture: true });
}

function swallow(event) {
  event.preventDefault();
  event.stopPropagation();
}

/** Do what one key asks for, unless it turns out to be the first of a code. */
export function unlessScanned(act) {
  setTimeout(() => code.length <= 1 && act(), FAST_MS + 20);
}
