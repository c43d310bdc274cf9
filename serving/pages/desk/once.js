// Forms that do something go out once: a second click, before the page is another, would void the code of the first.

let gone = false;
document.querySelector("main").addEventListener("submit", (event) => {
  if (gone) event.preventDefault();
  gone = true;
});
addEventListener("pageshow", () => (gone = false)); // taken back from the browser's history
