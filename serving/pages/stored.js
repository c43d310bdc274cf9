// What this browser keeps so that nothing is lost by a reload, a crash or a closed lid: the photos, the item in hand,
// and the items that wait to be sent. Never keys, and no answers of the API beyond a line of each result.

const NAME = "regrade.station";
const STORES = { photos: { keyPath: "id" }, draft: {}, outbox: { keyPath: "seq", autoIncrement: true } };
const DRAFT = "draft";

/** Ids of the photos of the item in hand, which is not always kept yet. */
export const inHand = new Set();

let opened = null;
const here = { photos: new Map(), draft: new Map(), outbox: new Map() }; // where a browser forbids its storage
let last = 0;

/** 32 letters that nobody else has; crypto.randomUUID is there over HTTPS alone. */
export const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function open() {
  opened ??= new Promise((resolve) => {
    try {
      const request = indexedDB.open(NAME, 1);
      request.onupgradeneeded = () => {
        for (const [name, options] of Object.entries(STORES)) request.result.createObjectStore(name, options);
      };
      request.onsuccess = () => resolve(request.result);
      request.onerror = request.onblocked = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
  return opened;
}

/** One step on a store. Resolves when it is kept; where the browser keeps nothing, this page alone remembers. */
async function step(store, mode, work, otherwise) {
  const database = await open();
  if (!database) return otherwise(here[store]);
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(store, mode, { durability: "strict" });
    const request = work(transaction.objectStore(store));
    transaction.commit(); // nothing more comes: a page that is being left need not live to see the first part done
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

/** A step whose failing, such as for want of room, must not keep anybody from working. */
const kindly = (...given) => step(...given).catch(() => undefined);

export const keepPhoto = (photo) => kindly("photos", "readwrite", (store) => store.put(photo), (map) => map.set(photo.id, photo));
export const photo = (id) => kindly("photos", "readonly", (store) => store.get(id), (map) => map.get(id));
export const saveDraft = (draft) => kindly("draft", "readwrite", (store) => store.put(draft, DRAFT), (map) => map.set(DRAFT, draft));
export const draft = () => kindly("draft", "readonly", (store) => store.get(DRAFT), (map) => map.get(DRAFT));
export const dropDraft = () => kindly("draft", "readwrite", (store) => store.delete(DRAFT), (map) => map.delete(DRAFT));
export const entries = async () => (await kindly("outbox", "readonly", (store) => store.getAll(), (map) => [...map.values()])) ?? [];
export const dropEntry = (seq) => kindly("outbox", "readwrite", (store) => store.delete(seq), (map) => map.delete(seq));

/** Keep an item that waits; `seq`, its place in the line, is given to a new one. */
export async function keepEntry(entry) {
  const seq = await kindly("outbox", "readwrite", (store) => store.put(entry), (map) => {
    entry.seq ??= ++last;
    map.set(entry.seq, entry);
    return entry.seq;
  });
  entry.seq ??= seq ?? Date.now() + Math.random(); // no room left: it is sent all the same, from this page
}

/** Forget photos of which neither the item in hand nor one that waits is. */
export async function tidy() {
  const [mine, waiting, ids] = await Promise.all([
    draft(), entries(), kindly("photos", "readonly", (store) => store.getAllKeys(), (map) => [...map.keys()]),
  ]);
  const needed = new Set([...inHand, ...(mine?.photos ?? []).map((one) => one.id), ...waiting.flatMap((entry) => entry.photos)]);
  for (const id of ids ?? []) {
    if (!needed.has(id)) await kindly("photos", "readwrite", (store) => store.delete(id), (map) => map.delete(id));
  }
}
