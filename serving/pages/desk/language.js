// The language of the page, switched without leaving it.

import { chosen, t, use } from "./words.js";

const { strings, root } = document.body.dataset;
let catalogues = {};

function speak(code) {
  use(catalogues, code);
  for (const node of document.querySelectorAll("[data-title]")) node.title = t(node.dataset.title);
}

/** Fetch the words of all languages and put up those of the page's. */
export async function begin() {
  catalogues = await (await fetch(strings)).json();
  speak(document.documentElement.lang in catalogues ? document.documentElement.lang : chosen());
}

/** `again()` is called once the page speaks another language, to write anew what a script has written. */
export function onSwitch(again) {
  document.querySelector("form.languages").addEventListener("submit", async (event) => {
    event.preventDefault();
    const { value } = event.submitter;
    const body = new URLSearchParams({ language: value, next: "/desk" });
    await fetch(`${root}/desk/language`, { method: "POST", body, redirect: "manual" }).catch(() => {});
    speak(value);
    await again();
  });
}
