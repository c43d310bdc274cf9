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

export const percent = (share) =>
  new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: share > 0.995 && share < 1 ? 1 : 0 }).format(share);

export function money({ amount, currency }) {
  const display = { style: "currency", currency, currencyDisplay: "narrowSymbol" };
  return new Intl.NumberFormat(language, display).format(amount) + (currency === "USD" ? "" : ` ${currency}`);
}
