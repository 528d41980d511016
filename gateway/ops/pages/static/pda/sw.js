// Lets the page open while the box cannot be reached: all its files, kept as one set per version.
// The set of a new version is fetched whole before the old one goes, so that no page is made of two.

const FILES = [
  "./", "app.js", "dom.js", "flows.js", "icon.svg", "labels.js", "link.js", "outbox.js", "pda.css",
  "pda.webmanifest", "signal.js", "vendor/mqtt.esm.js", "view.js", "wedge.js", "words.js",
  "words/en.json", "words/zh.json",
];
const CONFIG = "config.json";

async function renew(config) {
  const name = `pda-${(await config.clone().json()).version}`;
  const cache = await caches.open(name);
  if (!(await cache.match(CONFIG))) {
    await cache.addAll(FILES.map((file) => new Request(file, { cache: "reload" })));
  }
  await cache.put(CONFIG, config); // last: a set that has it is whole
  for (const other of await caches.keys()) if (other !== name) await caches.delete(other);
}

const fresh = () => fetch(CONFIG, { cache: "no-store" });

self.addEventListener("install", (event) => event.waitUntil(fresh().then(renew).then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || !url.href.startsWith(self.registration.scope)) return;
  if (url.pathname.endsWith(`/${CONFIG}`)) {
    const answer = fresh();
    event.waitUntil(answer.then((it) => (it.ok ? renew(it.clone()) : null)).catch(() => {}));
    event.respondWith(answer.then((it) => it.clone()).catch(() => caches.match(CONFIG)));
    return;
  }
  event.respondWith(caches.match(event.request, { ignoreSearch: true }).then((it) => it ?? fetch(event.request)));
});
