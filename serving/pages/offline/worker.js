// Keeps the files of the station page, so that it opens where there is no network. The service puts VERSION, PAGE and FILES
// above this: another version is another script, which browsers take over by themselves. What the API answers, and keys,
// never come here: only the page's own files are looked at.

const CACHE = `regrade-station-${VERSION}`;
const PATIENCE_MS = 4_000;
const base = new URL(".", self.location); // …/station/
const page = new URL(PAGE, base).href;
const own = new Set([page, ...FILES.map((name) => new URL(name, base).href)]);

self.addEventListener("install", (event) => {
  const asked = [...own].map((url) => new Request(url, { cache: "no-cache", credentials: "omit" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(asked)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const forget = async () => {
    const old = (await caches.keys()).filter((name) => name.startsWith("regrade-station-") && name !== CACHE);
    await Promise.all(old.map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(forget());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && own.has(request.url.split("#")[0])) event.respondWith(answer(event));
});

/** The service's answer where there is one soon, so that a new version is seen at once; else what was kept. */
async function answer({ request }) {
  const kept = () => caches.match(request.url.split("#")[0], { cacheName: CACHE, ignoreVary: true });
  try {
    const soon = new Promise((resolve, reject) => setTimeout(reject, PATIENCE_MS));
    const response = await Promise.race([fetch(request), soon]);
    return response.ok || response.status === 304 ? response : ((await kept()) ?? response);
  } catch {
    return (await kept()) ?? Response.error();
  }
}
