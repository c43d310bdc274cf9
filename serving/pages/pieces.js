// All of it? What belongs to an item, ticked off by whoever counts it: large targets, one tap where all is there. What codes
// told of stands first and is ticked beforehand; nothing counts until a person has touched it.

import { el } from "./dom.js";
import { named, t } from "./words.js";

const MOST = 99;
const same = (one, other) => one.toLowerCase() === other.toLowerCase();
const number = (pieces, name) => pieces.find((one) => same(one.name, name))?.quantity ?? 0;
const times = ({ name, quantity }) => (quantity === 1 ? name : `${quantity} × ${name}`);

/** What is ticked of `pieces`: { touched, found: name → how many }. `said` is what was entered before, as `countOf` gives it. */
export function tallyOf(pieces, said = null) {
  const from = said ?? pieces.counted?.pieces ?? pieces.seen;
  return { touched: said !== null, at: pieces.counted?.at ?? "", found: new Map(rows(pieces).map(({ name }) => [name, number(from, name)])) };
}

/** The count as the service takes it; null while nobody has touched it. */
export const countOf = (tally) =>
  tally?.touched ? [...tally.found].filter(([, quantity]) => quantity > 0).map(([name, quantity]) => ({ name, quantity })) : null;

/** Tick all that is expected. */
export function tickAll(pieces, tally) {
  tally.touched = true;
  for (const { name, quantity } of rows(pieces)) tally.found.set(name, quantity);
}

/** What is there, to be read; null where nothing is expected. */
export function piecesNode(pieces) {
  return pieces ? el("section", { class: `pieces ${pieces.state}`, "aria-label": t("pieces.heading") }, ...summary(pieces)) : null;
}

/** The same, to be ticked off. `onChange()` is told of each tick; `onSave()` of a count that is to be sent by itself: without
 * it the count goes with something else, which `hint` says. `keys`: A ticks all. `folded`: only the words are shown at first. */
export function checklist(pieces, tally, { onChange = () => {}, onSave = null, hint = "", keys = false, folded = false } = {}) {
  const root = el("section", { class: `pieces open ${pieces.state}`, "aria-label": t("pieces.heading") });
  let open = !folded || tally.touched;
  const touch = (work) => () => {
    tally.touched = true;
    work();
    draw();
    onChange();
  };
  const all = () => {
    tickAll(pieces, tally);
    draw();
    onChange();
    onSave?.();
  };
  draw();
  return root;

  function draw() {
    const focus = root.contains(document.activeElement) ? document.activeElement.dataset.piece : null;
    const list = [el("div", { class: "pieces-do" },
        el("button", { type: "button", class: "pieces-all", "data-piece": "all", onclick: all }, "✓ ", t("pieces.all_there"),
          keys ? el("kbd", { "aria-hidden": "true" }, "A") : null),
        onSave && tally.touched
          ? el("button", { type: "button", class: "secondary pieces-save", "data-piece": "save", onclick: onSave }, t("pieces.save")) : null),
      el("ul", { class: "pieces-list" }, ...rows(pieces).map((one) => el("li", {}, ...row(one)))),
      hint ? el("p", { class: "hint" }, hint) : null,
      el("p", { class: "field-error pieces-error", role: "alert" })].filter(Boolean);
    const fold = folded ? [el("details", { open, ontoggle: (event) => { open = event.target.open; } },
      el("summary", { "data-piece": "fold" }, t("pieces.correct")), ...list)] : list;
    root.replaceChildren(...summary(pieces), ...fold);
    if (focus) [...root.querySelectorAll("[data-piece]")].find((one) => one.dataset.piece === focus)?.focus();
  }

  function row(piece) {
    const { name, quantity } = piece;
    const there = tally.found.get(name);
    const put = (count) => touch(() => tally.found.set(name, Math.min(MOST, Math.max(0, count))));
    const whole = there >= quantity && there > 0;
    const few = there === 0 ? "none" : whole ? "whole" : "some";
    const told = evidence(pieces.seen.find((one) => same(one.name, name)));
    const tick = el("button", { type: "button", class: `piece ${few}`, "data-piece": `tick ${name}`, "aria-pressed": whole ? "true" : there ? "mixed" : "false",
      onclick: put(whole ? 0 : Math.max(1, quantity)) },
    el("span", { class: "piece-box", "aria-hidden": "true" }, whole ? "✓" : there ? "–" : ""),
    el("span", { class: "piece-name" }, name, told ? el("small", {}, told) : null));
    if (quantity <= 1 && there <= 1) return [tick];
    return [tick, el("span", { class: "piece-steps", role: "group", "aria-label": name },
      el("button", { type: "button", class: "step", "data-piece": `less ${name}`, "aria-label": t("pieces.fewer", { name }), onclick: put(there - 1) }, "−"),
      el("output", {}, t("pieces.of", { found: there, quantity })),
      el("button", { type: "button", class: "step", "data-piece": `more ${name}`, "aria-label": t("pieces.more", { name }), onclick: put(there + 1) }, "+"))];
  }
}

/** What is expected, what codes told of first, then what was found beside it. */
function rows(pieces) {
  const seen = ({ name }) => (number(pieces.seen, name) ? 0 : 1);
  const expected = [...pieces.expected].sort((one, other) => seen(one) - seen(other));
  const extra = (pieces.extra ?? []).filter(({ name }) => !expected.some((one) => same(one.name, name)));
  return [...expected, ...extra.map(({ name }) => ({ name, quantity: 0 }))];
}

function evidence(seen) {
  if (!seen) return "";
  const code = seen.codes.join(", ");
  return seen.photos.length ? t("pieces.seen_photo", { code, photos: seen.photos.map((index) => index + 1).join(", ") }) : t("pieces.seen_scanner", { code });
}

function summary(pieces) {
  const { counted, state } = pieces;
  const expected = pieces.expected.map(times).join(" · ");
  return [el("p", { class: "pieces-words" }, el("strong", {}, named("pieces", `word_${state}`)), " ", state === "complete" ? expected : pieces.words,
    counted ? el("small", {}, " ", t("pieces.by", { who: counted.by })) : null)];
}
