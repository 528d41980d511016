// One stream of events per page. What changed is told to the page as `live:stock`, `live:gateways`
// and `live:documents`, of one warehouse as `live:stock:J1`; `live:again` says that words may have
// been missed. Parts with hx-trigger="live:stock:J1 from:body" ask for themselves anew.
// Events come in bursts: a page hears of one kind at most every five seconds.
const EVENTS = ["stock", "gateways", "documents"];
const QUIET_MS = 5000;
const mark = document.getElementById("live");
const banner = document.getElementById("banner");
const resting = new Map(); // kinds told of just now, and what came of them since
const onWord = mark.querySelector(".word").textContent;

function show(state, word) {
  mark.dataset.state = state;
  mark.querySelector(".word").textContent = state === "on" ? onWord : "○";
  banner.hidden = state === "on";
  banner.textContent = state === "on" ? "" : word;
}

function tell(name, data) {
  document.body.dispatchEvent(new CustomEvent(`live:${name}`, { detail: data }));
}

function tellSoon(name, data) {
  if (resting.has(name)) {
    resting.set(name, data);
    return;
  }
  resting.set(name, null);
  setTimeout(() => {
    const later = resting.get(name);
    resting.delete(name);
    if (later !== null) tellSoon(name, later);
  }, QUIET_MS);
  tell(name, data);
}

function tellAll() {
  for (const name of [...EVENTS, "again"]) tellSoon(name, {});
}

function listen() {
  const source = new EventSource("/ui/live");
  let wasLost = false;
  source.addEventListener("open", () => {
    show("on", "");
    // What happened meanwhile was told to nobody.
    if (wasLost) tellAll();
    wasLost = false;
  });
  source.addEventListener("error", () => {
    wasLost = true;
    show("off", mark.dataset.off);
    // A refusal ends the stream for good; whoever is still signed in may come again.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 10_000);
  });
  source.addEventListener("over", () => {
    source.close();
    show("over", mark.dataset.over);
  });
  for (const name of EVENTS) {
    source.addEventListener(name, (event) => {
      const data = JSON.parse(event.data);
      tellSoon(name, data);
      for (const warehouse of data.warehouses ?? []) tellSoon(`${name}:${warehouse}`, data);
    });
  }
  addEventListener("pagehide", () => source.close(), { once: true });
}

addEventListener("offline", () => show("off", mark.dataset.off));
listen();
