// The last items of this station and how many came in today; what the desk has decided since arrives here by itself.

import { $, el } from "./dom.js";
import { dress, place, shape, word } from "./now.js";
import { resultNodes } from "./result.js";
import { apiKey, credentials, stationName } from "./settings.js";
import { chosen, t } from "./words.js";

const MOST = 20;
const SOON_MS = 15_000;
const LATE_MS = 120_000;
const { api } = document.body.dataset;

let wait = SOON_MS;
let timer = 0;
let asked = 0;
/** By inspection, the state that was shown last: what has changed since is marked. */
let known = new Map();

async function ask(path) {
  const response = await fetch(`${api}${path}`, { headers: credentials(), signal: AbortSignal.timeout(20_000) });
  if (!response.ok) throw new Error(String(response.status));
  return response.json();
}

/** Ask now, and then ever less often while nothing changes; never while nobody sees the page or no key is there. */
export function refresh() {
  wait = SOON_MS;
  return poll();
}

async function poll() {
  clearTimeout(timer);
  if (document.hidden || !apiKey()) return;
  const turn = (asked += 1);
  const station = stationName() ?? "";
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  const changed = await Promise.all([
    ask(`?${new URLSearchParams({ station, limit: String(MOST) })}`),
    ask(`/count?${new URLSearchParams({ station, since: midnight.toISOString() })}`),
  ]).then(([{ items }, { count }]) => turn === asked && draw(items, count)).catch(() => false);
  if (turn !== asked) return;
  wait = changed ? SOON_MS : Math.min(wait * 1.5, LATE_MS);
  timer = setTimeout(poll, wait);
}

/** True where something is not as it was shown last. */
function draw(items, count) {
  const states = new Map(items.map((item) => [item.id, `${item.status} ${word(item)} ${place(item)}`]));
  const first = known.size === 0;
  const news = items.filter((item) => !first && known.has(item.id) && known.get(item.id) !== states.get(item.id));
  const changed = news.length > 0 || states.size !== known.size || items.some((item) => !known.has(item.id));
  known = states;
  $("today").textContent = t("station.today", { count });
  $("recent").hidden = false;
  $("recent-none").hidden = items.length > 0;
  if (!changed && $("recent-list").children.length) return false;
  const focused = document.activeElement?.closest?.("#recent-list [data-id]")?.dataset.id;
  $("recent-list").replaceChildren(...items.map((item) => row(item, news.includes(item))));
  if (focused) $("recent-list").querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  const decided = news.filter((item) => item.decision && item.decision.role !== "station");
  if (decided.length) {
    $("live").textContent = decided
      .map((item) => t("station.announce", { rma: item.item.rma, word: word(item), place: place(item) })).join(" ");
  }
  return changed;
}

function row(item, isNew) {
  const at = new Date(item.created_at);
  const today = at.toDateString() === new Date().toDateString();
  const time = at.toLocaleString(chosen(), today ? { timeStyle: "short" } : { dateStyle: "short", timeStyle: "short" });
  const desk = item.decision && item.decision.role !== "station";
  return el("li", {}, el("button", { type: "button", class: `recent-row ${dress(item)}${isNew ? " news" : ""}`, "data-id": item.id, onclick: () => open(item.id) },
    el("span", { class: "recent-sign" }, shape(item)),
    el("strong", { class: "recent-word" }, word(item)),
    el("span", { class: "recent-rma" }, item.item.rma || "–"),
    el("span", { class: "recent-place" }, place(item), desk ? el("small", {}, ` ${t("station.reviewed")}`) : null),
    el("time", { datetime: item.created_at }, time)));
}

/** One item as it stands, to be read: nothing can be changed there. */
async function open(id) {
  const dialog = $("earlier");
  $("earlier-shown").replaceChildren(el("p", { class: "hint" }, t("station.loading")));
  if (!dialog.open) dialog.showModal();
  const path = `/${encodeURIComponent(id)}`;
  let urls = [];
  dialog.addEventListener("close", () => urls.forEach((url) => URL.revokeObjectURL(url)), { once: true });
  try {
    const inspection = await ask(path);
    urls = await Promise.all(inspection.photos.map((photo) => picture(`${api}${path}/photos/${photo.index}?width=1200`)));
    $("earlier-shown").replaceChildren(...resultNodes(inspection, urls).filter(Boolean));
  } catch {
    $("earlier-shown").replaceChildren(el("p", { class: "notice", role: "alert" }, t("station.offline_short")));
  }
}

async function picture(address) {
  const response = await fetch(address, { headers: credentials() });
  if (!response.ok) throw new Error(String(response.status));
  return URL.createObjectURL(await response.blob());
}

export function wireRecent() {
  document.addEventListener("visibilitychange", () => document.hidden ? clearTimeout(timer) : refresh());
  // Names of bins come from the service, in the language of whoever asks.
  for (const button of document.querySelectorAll("[data-language]")) button.addEventListener("click", refresh);
  $("settings").addEventListener("submit", () => {
    known = new Map();
    setTimeout(refresh);
  });
  $("earlier-close").addEventListener("click", () => $("earlier").close());
  refresh();
}
