// The words of the page in the chosen language, and how figures are written in it.

const KEPT = "regrade.language";
let catalogues = {};
let language = document.documentElement.lang;

export const chosen = () => language;

/** Fetch the catalogues of both languages, then put up the language that this browser chose last. */
export async function loadWords(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  catalogues = await response.json();
  const kept = localStorage.getItem(KEPT);
  speak(kept in catalogues ? kept : language);
}

export function choose(code) {
  localStorage.setItem(KEPT, code);
  speak(code);
}

/** Take over catalogues and a language that a page remembers in its own way. */
export function use(words, code) {
  catalogues = words;
  speak(code);
}

function speak(code) {
  language = code;
  document.documentElement.lang = code;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = t(node.dataset.text);
  for (const node of document.querySelectorAll("[data-name]")) node.textContent = named(...node.dataset.name.split("."));
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", t(node.dataset.label));
  for (const node of document.querySelectorAll("[data-placeholder]")) node.placeholder = t(node.dataset.placeholder);
  for (const node of document.querySelectorAll("[data-language]")) {
    node.setAttribute("aria-pressed", String(node.dataset.language === code));
  }
}

/** The bare text of a key, or undefined where no catalogue has it. */
export const known = (key) => catalogues[language]?.[key];

/** The text of a key with its {placeholders} filled. */
export function t(key, params = {}) {
  return (known(key) ?? key).replace(/\{(\w+)\}/g, (whole, name) => (name in params ? String(params[name]) : whole));
}

/** What a condition, action, defect … is called; a code that no catalogue knows stands for itself. */
export const named = (kind, code) => known(`${kind}.${code}`) ?? code.replaceAll("_", " ");

/** What was looked for on a photo, or on all, as codes (undefined where nobody kept them), beside the codes that were
 * `found`. */
export function examinedWords(codes, found) {
  if (!codes) return found.length ? "" : t("examined.unknown");
  if (!codes.length) return found.length ? "" : t("examined.nothing");
  const list = (some) => some.map((code) => named("defect", code)).join(" · ");
  const also = [...new Set(found)].filter((code) => !codes.includes(code)); // looked for on some of the photos alone
  if (also.length) return t("examined.also", { types: list(codes), also: list(also) });
  return t(found.length ? "examined.types" : "examined.none", { types: list(codes) });
}

/** What a grade rests on, as codes; empty where nobody kept them. */
export function basisWords(codes) {
  return codes?.length ? t("examined.basis", { basis: codes.map((code) => named("basis", code)).join(" · ") }) : "";
}

// Figures are written as the service writes them in its reasons, so that the same one never stands twice in
// two ways: percentages rounded down to a tenth, and nothing uncertain as 0% or 100%.
export function percent(share) {
  if (share > 0.999 && share < 1) return ">99.9%";
  if (share > 0 && share < 0.001) return "<0.1%";
  return `${Math.floor(share * 1000 + 1e-6) / 10}%`;
}

export const money = ({ amount, currency }) => new Intl.NumberFormat(language, { style: "currency", currency }).format(amount);
