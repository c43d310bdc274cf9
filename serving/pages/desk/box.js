// One defect drawn over the photo: its box with a name. Lines and letters keep their size on the screen.

import { svg } from "./dom.js";
import { named } from "./words.js";

/** The drawing of `defect`, which has a box, where a pixel of the photo is `scale` pixels of the screen. `inner` are
 *  what else belongs to it, such as handles; `index` is what a pointer that hits it finds as `data-box`. */
export function boxNode(defect, { scale, selected = false, index = null, inner = [] }) {
  const [x1, y1, x2, y2] = defect.box;
  const size = 13 / scale;
  const words = named("defect", defect.type);
  // Chinese letters are square, Latin ones about half as wide as high.
  const wide = [...words].reduce((sum, letter) => sum + (letter.charCodeAt(0) > 0x2e7f ? 1.02 : 0.6), 0.7) * size;
  const above = y1 > size * 1.5;
  const at = { x: x1, width: x2 - x1, y: y1, height: y2 - y1 };
  return svg("g", { class: `box ${defect.severity}${selected ? " selected" : ""}` },
    svg("rect", { class: "halo", ...at }), svg("rect", { class: "line", ...at }),
    index === null ? null : svg("rect", { class: "body", "data-box": index, ...at }),
    svg("rect", { class: "tab", x: x1, y: above ? y1 - size * 1.4 : y1, width: wide, height: size * 1.4 }),
    svg("text", { x: x1 + size * 0.35, y: above ? y1 - size * 0.38 : y1 + size * 1.05, "font-size": size }, words),
    ...inner);
}
