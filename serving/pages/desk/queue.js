// The queue by keyboard: begin, look an item up, go through the list.

import { $ } from "./dom.js";

const rows = [...document.querySelectorAll(".table tbody a")];

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const { key, target } = event;
  if (target.matches("input, select, textarea")) {
    if (key === "Escape") target.blur();
    return;
  }
  const at = rows.indexOf(target);
  if (key === "/") $("find").focus();
  else if (key.toLowerCase() === "r" && !event.repeat) $("start").click();
  else if (key === "ArrowDown" && rows.length) rows[Math.min(at + 1, rows.length - 1)].focus();
  else if (key === "ArrowUp" && at > 0) rows[at - 1].focus();
  else return;
  event.preventDefault();
});
