// Whether the codes on an item are those that its return says: in a sentence, as a list, and drawn where they were read. What
// a code says is a stranger's text: it only ever becomes a text node.

import { el, svg } from "./dom.js";
import { named, t } from "./words.js";

const SHORT = 28; // characters of a code beside its drawing
const classOf = ({ agrees }) => (agrees === null ? "idle" : agrees ? "right" : "wrong");
const short = (text) => (text.length > SHORT ? `${text.slice(0, SHORT - 1)}…` : text);

/** The verdict with the codes that it rests on; null where nobody has read them, or nothing is expected and none was. */
export function identityNode(identity) {
  if (!identity || (identity.verdict === "not_expected" && !identity.codes.length)) return null;
  const wrong = identity.verdict === "mismatch";
  return el("section", { class: `identity ${identity.verdict}`, role: wrong ? "alert" : null, "aria-label": t("identity.heading") },
    el("p", { class: "identity-words" }, el("strong", {}, named("identity", `word_${identity.verdict}`)), " ", identity.words),
    identity.photos_unread.length
      ? el("p", { class: "identity-unread" }, t("identity.unread", { photos: identity.photos_unread.map((index) => index + 1).join(", ") })) : null,
    identity.codes.length ? el("details", {},
      el("summary", {}, t("identity.codes", { count: identity.codes.length })),
      el("ul", { class: "identity-codes" }, ...identity.codes.map(line))) : null);
}

function line(code) {
  const where = code.photo === null ? t("identity.scanner") : t("identity.photo", { number: code.photo + 1 });
  const said = code.agrees === null ? "" : t(code.agrees ? "identity.agrees" : "identity.differs");
  return el("li", { class: classOf(code) }, el("code", { dir: "ltr" }, code.text, code.cut ? "…" : ""), " ",
    el("small", {}, [code.format ? named("code", code.format) : "", where, said].filter(Boolean).join(" · ")));
}

/** The codes of photo `index` drawn over it, in pixels of the photo; letters are `size` of these high. */
export function codeNodes(identity, index, size) {
  return (identity?.codes ?? []).filter((code) => code.photo === index && code.polygon).map((code) => {
    const points = code.polygon.map((point) => point.join(",")).join(" ");
    const [x, y] = [code.box[0], Math.max(size * 1.2, code.box[1] - size * 0.5)];
    return svg("g", { class: `code ${classOf(code)}` },
      svg("polygon", { class: "halo", points }), svg("polygon", { class: "line", points }),
      svg("text", { x, y, "font-size": size }, short(code.text)));
  });
}
