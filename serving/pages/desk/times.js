// Moments in the time zone and the manner of whoever reads them.

const language = document.documentElement.lang;
const date = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
for (const node of document.querySelectorAll("main time")) {
  node.title = node.textContent;
  node.textContent = date.format(new Date(node.dateTime));
}
