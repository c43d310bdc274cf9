// What the inspector enters beside the condition: defects, marked by a tap on the photo, and another disposition.

import { el, svg } from "./dom.js";
import { box } from "./overlay.js";
import { countOf, tallyOf } from "./pieces.js";
import { rubricOf } from "./rubric.js";
import { named, t } from "./words.js";

const SIDE = 1 / 8; // of the photo's long side: a tap says where a defect is, and roughly how large they are
let kept = { id: null };
let giveUp = null; // takes back the defect of which it is asked what it is

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented) giveUp?.();
});

/** What was entered of this inspection so far; of another one nothing is left. `pending` is {photo, where} of a defect of
 * which it is not said yet what it is. */
export function entered(inspection) {
  if (kept.id !== inspection.id) kept = { id: inspection.id, marks: [], action: "", pending: null };
  return kept;
}

/** What is ticked of its pieces; a count that came since takes the place of what was ticked before it. */
export function tallied(inspection) {
  const mine = entered(inspection);
  if (!mine.tally || mine.tally.at !== (inspection.pieces.counted?.at ?? "")) mine.tally = tallyOf(inspection.pieces);
  return mine.tally;
}

/** Whether a defect was marked in `result` and not said what it is: it is asked for, for a decision would drop it. */
export function asksForKind(inspection, result) {
  const { pending } = entered(inspection);
  if (!pending) return false;
  result.querySelector("#bench-error").textContent = t("station.mark_unnamed", { number: pending.photo + 1 });
  const kind = result.querySelector(".kinds button");
  if (kind) kind.focus();
  else result.querySelectorAll(".strip button")[pending.photo]?.click(); // its photo is not the one on show
  return true;
}

/** What was entered, as the service takes it. Without a mark nothing is said of defects; with one, those that the
 * inspector was shown of the model stand beside it. */
export function extras(inspection, blind) {
  const { marks, action, tally } = entered(inspection);
  const shown = blind ? [] : inspection.defects;
  const pieces = countOf(tally);
  return { ...(pieces ? { pieces } : {}), ...(marks.length ? { defects: [...shown, ...marks] } : {}), ...(action ? { disposition: action } : {}) };
}

/** Draws marks on the stage of a photo and takes taps on it: `on(stage, photo)`. */
export function marker(inspection) {
  const mine = entered(inspection);

  function on(stage, photo) {
    const picture = stage.querySelector("svg");
    const layer = svg("g", {});
    const below = el("div", { class: "marks", "aria-live": "polite" });
    picture.append(layer);
    picture.classList.add("tappable");
    picture.addEventListener("click", (event) => choose(place(picture, photo, event)));
    stage.append(below);
    draw();
    if (mine.pending?.photo === photo.index) choose(mine.pending.where);

    function over() {
      mine.pending = giveUp = null;
      for (const place of document.querySelectorAll("#bench-error")) place.textContent = "";
      draw();
    }

    function draw() {
      const here = mine.marks.filter((mark) => mark.photo === photo.index);
      layer.replaceChildren(...here.filter((mark) => mark.box).map((mark) => box(mark, photo.width, photo.height)));
      below.replaceChildren(
        el("button", { type: "button", class: "secondary small", id: "mark", onclick: () => choose(null) }, t("station.mark_defect")),
        el("span", { class: "mark-hint" }, t("station.mark_hint")),
        el("ul", { class: "marked" }, ...here.map((mark) => el("li", {}, el("strong", {}, named("defect", mark.type)),
          el("button", { type: "button", class: "quiet", "aria-label": t("station.mark_remove_of", { defect: named("defect", mark.type) }),
            onclick: () => { mine.marks = mine.marks.filter((one) => one !== mark); draw(); } }, t("station.mark_remove"))))));
    }

    async function choose(where) {
      const pending = mine.pending = { photo: photo.index, where };
      giveUp = () => { over(); below.querySelector("#mark").focus(); };
      layer.querySelector(".pending")?.remove();
      if (where) layer.append(svg("rect", { class: "pending", x: where[0], y: where[1], width: where[2] - where[0], height: where[3] - where[1] }));
      const rubric = await rubricOf(inspection);
      if (mine.pending !== pending) return; // taken back, or tapped elsewhere
      const kinds = rubric?.defects ?? inspection.defects.map(({ type, severity }) => ({ code: type, title: named("defect", type), severity }));
      const take = ({ code, severity }) => () => {
        mine.marks.push({ photo: photo.index, type: code, severity, box: where });
        over();
        below.querySelector("#mark").focus();
      };
      const cancel = el("button", { type: "button", class: "quiet", onclick: () => giveUp() }, t("station.mark_cancel"));
      below.replaceChildren(...[el("div", { class: "kinds", role: "group", "aria-label": t("station.mark_kind") },
        ...kinds.map((kind) => el("button", { type: "button", class: "secondary", title: kind.text, "data-kind": kind.code, onclick: take(kind) }, named("defect", kind.code))),
        cancel), rubric ? null : el("p", { class: "mark-hint" }, t("station.rubric_offline"))].filter(Boolean));
      (below.querySelector("[data-kind]") ?? cancel).focus();
    }
  }
  return { on };
}

/** The box around a tap, in pixels of the upright photo, moved so that it lies within it. */
function place(picture, { width, height }, event) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
  const side = Math.max(width, height) * SIDE;
  const [w, h] = [Math.min(side, width), Math.min(side, height)];
  const x = Math.min(Math.max(at.x - w / 2, 0), width - w);
  const y = Math.min(Math.max(at.y - h / 2, 0), height - h);
  return [x, y, Math.min(x + w, width), Math.min(y + h, height)];
}
