// What to do with the item now: one word, one bin, one colour and a shape, to be read at arm's length.

import { el, svg } from "./dom.js";
import { named, t } from "./words.js";

/** Drawn on 24 × 24, for nobody is to tell bins by their colour alone. */
const SHAPES = {
  relist: ["M4 12.5 9.5 18 20 6.5"],
  repackage: ["M3 8 12 3.5 21 8v8l-9 4.5L3 16z", "M3 8l9 4.5L21 8", "M12 12.5v8"],
  refurbish: ["M14.5 6.5a4.5 4.5 0 0 1 5.6-1.9l-2.8 2.8 .6 2.1 2.1.6 1.9-2.4a4.5 4.5 0 0 1-6.4 5L7.5 20.5 3.5 16.5l7.8-7.9"],
  clearance: ["M12.5 3H21v8.5L11.5 21 3 12.5z", "M16.5 7.5h.01"],
  return_to_origin: ["M9 5 4 10l5 5", "M4 10h10a6 6 0 0 1 0 12h-4"],
  destroy: ["M4 6.5h16", "M9 6.5V3.5h6v3", "M6 6.5 7.5 21h9L18 6.5", "M10 10.5v6.5", "M14 10.5v6.5"],
  aside: ["M8.5 4v16", "M15.5 4v16"],
  decide: ["M8 8.5a4 4 0 1 1 5.5 3.7c-1 .5-1.5 1.2-1.5 2.8", "M12 19.5h.01"],
  count: ["M4 6.5 6 8.5 9 4.5", "M4 13.5 6 15.5 9 11.5", "M12.5 7H20", "M12.5 14H20", "M12.5 20.5H20"],
  retake: ["M4 7.5h3l2-3h6l2 3h3v12H4z", "M12 9.5a4 4 0 1 0 0 8a4 4 0 1 0 0-8"],
};

/** What the service says is to be done, of an answer that may be of before it said so. */
const nowOf = (inspection) => inspection.now ?? { state: inspection.status === "retake" ? "retake" : "aside" };

const codeOf = (now) => now.action ?? now.state;

/** The one word. */
export const word = (inspection) => (inspection.erased ? t("station.erased") : named("now", codeOf(nowOf(inspection))));

/** Where it goes, or which photos are to be taken again; empty where the inspector is asked. */
export function place(inspection) {
  const now = nowOf(inspection);
  if (now.state !== "retake") return now.bin?.name ?? "";
  const numbers = inspection.photos.filter((photo) => !photo.quality.ok).map((photo) => photo.index + 1);
  return numbers.map((number) => t("station.photo_alt", { number })).join(" · ");
}

export const shape = (inspection) =>
  svg("svg", { class: "shape", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    ...(SHAPES[codeOf(nowOf(inspection))] ?? []).map((d) => svg("path", { d })));

/** Classes that colour what is said of `inspection`. */
export const dress = (inspection) => {
  const now = nowOf(inspection);
  // Who is asked to count is asked, as who is to decide.
  return `${now.state === "count" ? "decide" : now.state} ${now.bin ? `bin-${now.bin.colour}` : "no-bin"}`;
};

/** The card: word and bin, with `standing` (who decided or is to) and the RMA below; `also` goes beside the RMA. */
export function nowNode(inspection, standing, ...also) {
  const now = nowOf(inspection), where = place(inspection);
  return el("section", { class: `verdict now ${dress(inspection)}`, "aria-label": t("station.now") },
    shape(inspection),
    el("div", { class: "now-said" },
      el("p", { class: "now-word" }, word(inspection)),
      where ? el("p", { class: "now-place" }, now.bin ? el("span", { class: "now-bin" }, t("station.bin")) : null, where) : null),
    el("p", { class: "now-item" },
      el("span", { class: `status ${inspection.status}` }, standing),
      el("span", { class: "rma" }, inspection.item.rma), ...also, labelLink(inspection)));
}

/** To the label's print view; the new tab is given this one's key, as browsers do for tabs that a page opens. */
function labelLink(inspection) {
  if (["retake", "decide", "count"].includes(nowOf(inspection).state) || inspection.erased) return null;
  return el("a", { class: "label-link", href: `station/label/${encodeURIComponent(inspection.id)}`, target: "_blank", rel: "opener" },
    t("station.label"));
}

/** A part that is folded away until somebody wants it, and then stays open in this browser. */
export function folded(...content) {
  const kept = "regrade.details";
  return el("details", { class: "more", open: localStorage.getItem(kept) === "open",
    ontoggle: (event) => localStorage.setItem(kept, event.target.open ? "open" : "closed") },
  el("summary", {}, t("station.details")), ...content);
}
