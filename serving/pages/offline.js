// The page opens without a network, and can be installed: a service worker keeps its files. Browsers have those over HTTPS
// and on the machine itself alone; elsewhere the page works as any other does.

const { worker, scope } = document.body.dataset;

export function keepOffline() {
  navigator.serviceWorker?.register(worker, { scope, updateViaCache: "none" }).catch(() => {});
}
