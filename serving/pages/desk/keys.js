// The keyboard: every step of a review has a key, and no key acts while somebody types or reads the help.

import * as boxes from "./boxes.js";
import { $ } from "./dom.js";
import { conditionsOf } from "./entered.js";
import * as viewer from "./viewer.js";

const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
/** What goes through the list of types, where a new box leaves the focus. */
const CHOOSE = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown", "Enter", " ", "Tab"];
/** What acts on Enter by itself. */
const ACTS = "button, a, select, summary, textarea";

export function wireKeys({ item, choose, cycleAction, submit, undo, skip, help, ask }) {
  const letters = {
    d: cycleAction, u: undo, s: skip, z: viewer.cycleZoom, h: boxes.toggle,
    b: () => boxes.draw(!boxes.isDrawing()), c: () => $("note").focus(),
    r: () => ask("photos"), x: () => ask("cannot_tell"), e: () => ask("escalate"),
  };

  addEventListener("keydown", (event) => {
    // While Chinese is typed, Enter and letters belong to the input method.
    if (event.isComposing || event.keyCode === 229) return;
    const { key, target, timeStamp } = event;
    const control = event.ctrlKey || event.metaKey;
    if ($("help").open) {
      if (key === "?") help();
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    if (target.matches("textarea, input:not([type=radio])")) {
      if (key === "Escape") target.blur();
      else if (key === "Enter" && (control || target.matches("textarea") && !event.shiftKey)) act(event, () => submit(timeStamp));
      return;
    }
    if (control) return;
    if (target.matches("select") && !event.altKey) {
      // Enter submits, also from the list in which a new box leaves the focus; in a list that is open it chooses.
      if (key === "Enter" && !event.repeat && !isOpen(target)) return act(event, () => submit(timeStamp));
      if (CHOOSE.includes(key)) return;
      // Any other key is the desk's, and none the list's: "d" is the disposition there too, never "dirt".
      if (key === "Escape") target.blur();
      if (key.length === 1) event.preventDefault();
    }
    if (event.altKey) {
      if (ARROWS.includes(key) && boxes.hasSelection()) act(event, () => boxes.nudge(key, event.shiftKey));
      return;
    }
    if (key === "?") act(event, help);
    else if (key === "Escape") act(event, () => { boxes.draw(false); boxes.select(null); });
    else if ((key === "Delete" || key === "Backspace") && boxes.hasSelection()) act(event, () => boxes.remove());
    // Up and down still go through the choices of a group; left and right are the photos', everywhere.
    else if (key === "ArrowLeft") act(event, () => viewer.step(-1));
    else if (key === "ArrowRight") act(event, () => viewer.step(1));
    else if (event.repeat) return;
    else if (/^[1-4]$/.test(key)) act(event, () => conditionsOf(item())[key - 1] && choose(conditionsOf(item())[key - 1]));
    else if (key.toLowerCase() === "n" || (key === "Enter" && !target.matches(ACTS))) act(event, () => submit(timeStamp));
    else if (letters[key.toLowerCase()]) act(event, letters[key.toLowerCase()]);
  });
}

/** Whether a list hangs open; where a browser cannot tell, it keeps the keys of an open one to itself. */
const isOpen = (select) => CSS.supports("selector(:open)") && select.matches(":open");

function act(event, work) {
  event.preventDefault();
  work();
}
