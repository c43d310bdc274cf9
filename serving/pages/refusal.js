// Why an item was not graded, or waits, in the place of its result.

import { $, el } from "./dom.js";
import { describeProblem, isKept } from "./send.js";
import { t } from "./words.js";

/** Show { status, problem, reason }, with a button that calls `again`; answers the index of a photo at fault, why, and the
 * seconds after which to try again. */
export function drawRefusal({ status, problem, reason }, again) {
  const { title, lines, photo, wait } = describeProblem(status, problem, reason);
  const retry = el("button", { type: "button", class: "secondary", onclick: again }, t("station.try_again"));
  $("message").replaceChildren(el("strong", {}, title), ...lines.map((line) => el("p", {}, line)), retry);
  $("message").classList.toggle("kept", isKept(status));
  $("message").hidden = false;
  return { photo, why: lines[0] ?? title, wait };
}

/** Hold the button back for so many seconds. */
export function countDown(seconds, button = $("message").querySelector("button")) {
  button.disabled = seconds > 0;
  button.textContent = seconds > 0 ? t("station.try_again_in", { seconds }) : t("station.try_again");
  if (seconds > 0) setTimeout(countDown, 1000, seconds - 1, button);
}
