// Moments in the time zone and the manner of whoever reads them; days are those of UTC.

const language = document.documentElement.lang;
const moment = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const day = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" });
for (const node of document.querySelectorAll("main time")) {
  node.title = node.textContent;
  node.textContent = ("day" in node.dataset ? day : moment).format(new Date(node.dateTime));
}
