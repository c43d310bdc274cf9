// One photo at a time with its defects drawn over it. Boxes come in pixels of the upright photo; the drawing
// has these pixels as its own coordinates and is scaled as a whole, so that they fit at any size.

import { el, svg } from "./dom.js";
import { codeNodes } from "./identity.js";
import { examinedWords, named, percent, t } from "./words.js";

/** A viewer of all photos of `inspection`, opened at the worst one; `urls` are of the photos sent. What the inspector
 * marks on them is drawn by `marks`, where there is one. */
export function photoViewer(inspection, urls, marks = null) {
  const root = el("div", { class: "viewer" });
  const defectsOf = (index) => inspection.defects.filter((defect) => defect.photo === index);
  const weight = (index) =>
    defectsOf(index).reduce((sum, defect) => sum + defect.score + (defect.severity === "major" ? 1 : 0), 0);
  const worst = inspection.photos.reduce((best, photo) => (weight(photo.index) > weight(best) ? photo.index : best), 0);
  const show = (index, focus) => {
    // null: nothing is to be said of it yet.
    const examined = inspection.defects_examined === null ? null : inspection.defects_examined?.find((one) => one.photo === index)?.types;
    const picture = stage(inspection.photos[index], urls[index], defectsOf(index), examined, inspection.identity);
    root.replaceChildren(picture, strip(index));
    marks?.on(picture, inspection.photos[index]);
    if (focus) root.querySelector("[aria-current=true]").focus();
  };
  const strip = (current) => {
    if (inspection.photos.length < 2) return "";
    return el("div", { class: "strip" }, ...inspection.photos.map(({ index }) =>
      el("button", {
        type: "button", "aria-label": t("station.show_photo", { number: index + 1 }),
        "aria-current": String(index === current), onclick: () => show(index, true),
      },
      el("img", { src: urls[index], alt: "" }),
      defectsOf(index).length ? el("span", { class: "badge" }, String(defectsOf(index).length)) : null)));
  };
  show(worst, false);
  return root;
}

function stage(photo, url, defects, examined, identity) {
  const { width, height } = photo;
  // A reviewer may name a defect without drawing it.
  const boxes = defects.map((defect) => (defect.box ? box(defect, width, height) : null));
  const picture = svg("svg", {
    viewBox: `0 0 ${width} ${height}`, class: "picture", role: "img",
    "aria-label": t("station.photo_alt", { number: photo.index + 1 }),
  }, svg("image", { href: url, width, height }),
  ...codeNodes(identity, photo.index, Math.max(width, height) / 40), ...boxes.filter(Boolean));
  const rows = defects.map((defect, index) => {
    const light = (on) => () => boxes[index]?.classList.toggle("lit", on);
    return el("li", { class: defect.severity, tabindex: "0",
      onmouseenter: light(true), onmouseleave: light(false), onfocus: light(true), onblur: light(false) },
    el("strong", {}, named("defect", defect.type)),
    el("span", {}, `${named("severity", defect.severity)} · ${percent(defect.score)}`));
  });
  return el("div", { class: "stage" }, picture,
    rows.length ? el("ul", { class: "defects" }, ...rows) : null,
    examined === null ? null : el("p", { class: "examined" }, examinedWords(examined, defects.map(({ type }) => type))));
}

export function box(defect, width, height) {
  const [x1, y1, x2, y2] = defect.box;
  // Letters and lines keep their size on screen whatever the photo's resolution: 1/30 of the long side.
  const size = Math.max(width, height) / 30;
  const words = named("defect", defect.type);
  const above = y1 > size * 1.5;
  const label = svg("text", { x: x1 + size * 0.3, y: above ? y1 - size * 0.4 : y1 + size * 1.1, "font-size": size }, words);
  // Chinese letters are square, Latin ones about half as wide as high.
  const em = [...words].reduce((sum, letter) => sum + (letter.charCodeAt(0) > 0x2e7f ? 1.02 : 0.62), 0);
  return svg("g", { class: `box ${defect.severity}` },
    svg("rect", { class: "halo", x: x1, y: y1, width: x2 - x1, height: y2 - y1 }),
    svg("rect", { class: "line", x: x1, y: y1, width: x2 - x1, height: y2 - y1 }),
    svg("rect", { class: "tab", x: x1, y: above ? y1 - size * 1.4 : y1, width: (em + 0.6) * size, height: size * 1.4 }),
    label);
}
