// The list of items that wait to be sent, and of what became of those that were sent meanwhile.

import { $, el } from "./dom.js";
import { describeProblem } from "./send.js";
import { named, t } from "./words.js";

/** Draw `entries`; `isForeign(entry)`, and what to do: `open(entry)`, `remove(entry)`. */
export function drawWaiting(entries, { isForeign, open, remove }) {
  const count = (state) => entries.filter((entry) => entry.state === state).length;
  const counts = [["waits", "station.queue_waiting"], ["done", "station.queue_done"], ["refused", "station.queue_refused"]]
    .filter(([state]) => count(state)).map(([state, words]) => t(words, { count: count(state) }));
  $("outbox").hidden = !entries.length;
  $("outbox-counts").textContent = counts.join(" · ");
  $("outbox-list").replaceChildren(...entries.map((entry) =>
    el("li", { class: `waiting ${entry.state}`, "data-rma": entry.body.rma },
      el("strong", {}, entry.body.rma),
      el("span", {}, words(entry, isForeign(entry))),
      entry.state === "waits" ? null : el("button", { type: "button", class: "secondary", onclick: () => open(entry) }, t("station.queue_open")),
      entry.state === "waits" && !isForeign(entry) ? null : removal(entry, remove))));
}

/** What has not been graded goes by a second press. */
function removal(entry, remove) {
  const button = el("button", { type: "button", class: "quiet", onclick: () => {
    if (entry.state === "done" || button.dataset.sure) return remove(entry);
    button.dataset.sure = "true";
    button.textContent = t("station.queue_remove_sure");
  } }, t("station.queue_remove"));
  return button;
}

function words(entry, foreign) {
  const { state, result, answer } = entry;
  if (state === "waits") return t(foreign ? "station.queue_foreign" : "station.queue_waits");
  if (state === "refused") return describeProblem(answer.status, answer.problem).lines.join(" ");
  if (result.status === "retake") return t("station.retake");
  const standing = t(result.bench ? "station.bench_decides" : `station.${result.status}`);
  if (!result.condition) return standing;
  return `${named("condition", result.condition)} → ${named("action", result.action)} · ${standing}`;
}
