// The box's page: which view is shown, what is asked of the box and when. Views are in views.js.
import { el, fill } from "/pda/dom.js";
import { language, loadWords, preferred, t } from "/pda/words.js";
import { VIEWS, quarantineList, quarantineOne, signIn, stockTable, support } from "/static/views.js";
import { clock } from "/static/shown.js";

const EVERY_MS = 3000;
const PATIENCE_MS = 8000;
const BUNDLE_MS = 180000;
/** What a report made of the files of a gateway that is down may lack. */
const NOTHING = {
  devices: [], climate: [], excursions: [], sensor_faults: [], alarms: [], stalled: [], triggers: [], plans: [],
  stock: [], intake: {}, journal: {}, sync: {},
};
const $ = (id) => document.getElementById(id);
const state = { session: { signed_in: false, may_read: true }, report: null, running: null, heard: null };

/** Asks the box; gives what it says. Throws an Error in its words. */
async function ask(path, { patience = PATIENCE_MS, ...options } = {}) {
  const headers = { ...(options.headers ?? {}) };
  if (state.session.guard) headers["X-Forepost-Guard"] = state.session.guard;
  const answer = await fetch(path, { ...options, headers, signal: AbortSignal.timeout(patience) });
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => null);
  throw new Error(said?.error?.message ?? `${answer.status}`);
}

const json = async (path, options) => (await ask(path, options)).json();

const actions = {
  async signIn(token) {
    const said = await json("/api/session", { method: "POST", body: JSON.stringify({ token }) });
    state.session = { ...state.session, ...said, may_read: true };
    location.hash = "#overview";
    await show();
  },
  async signOut() {
    await ask("/api/session", { method: "DELETE" });
    state.session = await json("/api/session");
    location.hash = "#overview";
    await show();
  },
  reinject: (id) => ask(`/api/quarantine/${id}/reinject`, { method: "POST" }),
  async bundle() {
    const answer = await ask("/api/bundle", { method: "POST", patience: BUNDLE_MS });
    const name = /filename="([\w.-]+)"/.exec(answer.headers.get("content-disposition") ?? "");
    const link = el("a", { href: URL.createObjectURL(await answer.blob()), download: name?.[1] ?? "bundle" });
    link.click();
    URL.revokeObjectURL(link.href);
  },
  quarantine: (before) => json(`/api/quarantine${before ? `?before=${before}` : ""}`),
  message: (id) => json(`/api/quarantine/${id}`),
  shelf: () => json("/api/shelf"),
};

function frame() {
  const here = location.hash.slice(1).split("/")[0] || "overview";
  const items = ["overview", "devices", "stock", "climate", "quarantine", "support"];
  fill($("nav"), items.map((it) =>
    el("a", { href: `#${it}`, "aria-current": it === here ? "page" : null }, t(`box_${it}`))));
  const name = state.report ? t("box_title", { gateway: state.report.gateway }) : "Forepost";
  if ($("title").textContent !== name) $("title").textContent = document.title = name;
  $("language").textContent = t("box_language");
  $("sign").textContent = t(state.session.signed_in ? "box_sign_out" : "box_sign_in");
  $("sign").href = state.session.signed_in ? "#" : "#sign-in";
  document.querySelector("[data-word]").textContent = t("box_skip");
}

function banner() {
  const late = state.heard !== null && Date.now() - state.heard > 3 * EVERY_MS;
  const down = state.running === false;
  $("banner").hidden = !down && !late;
  if (down) fill($("banner"), el("strong", {}, "✖ ", t("box_down")), " ", t("box_down_about", { reason: state.reason ?? "" }));
  else if (late) fill($("banner"), el("strong", {}, t("box_not_updated", { time: clock(state.heard * 1000) })));
  $("fresh").textContent = state.heard === null || late ? "" : t("box_updated", { time: clock(state.heard * 1000) });
}

async function refresh() {
  if (!state.session.may_read && !state.session.signed_in) return;
  try {
    const said = await json(`/api/report${location.hash === "#stock" ? "?stock=1" : ""}`);
    Object.assign(state, { running: said.running, reason: said.reason, heard: Date.now() });
    state.report = { ...NOTHING, ...said.report };
  } catch (error) {
    if (error.message === "sign in first") state.session = await json("/api/session");
  }
  banner();
}

/** Draws the view that the address names; `again`: only what changes by itself. */
async function show(again = false) {
  frame();
  const [name, rest] = (location.hash.slice(1) || "overview").split("/");
  const content = $("content");
  if (!state.session.may_read && !state.session.signed_in) return again || fill(content, signIn(actions, true));
  if (VIEWS[name]) {
    fill(content, state.report ? VIEWS[name](state) : el("p", { class: "empty" }, t("box_loading")));
    return undefined;
  }
  if (again) return state.update?.(state.report);
  state.update = null;
  try {
    if (name === "sign-in") fill(content, signIn(actions, false));
    else if (name === "stock") {
      await refresh(); // the stock comes with a report only where it is looked at
      state.update = await stockTable(content, state, actions);
    }
    else if (name === "support") fill(content, support(state, actions));
    else if (name === "quarantine" && rest) await quarantineOne(content, rest, state, actions);
    else if (name === "quarantine") await quarantineList(content, actions);
    else location.hash = "#overview";
  } catch (error) {
    fill(content, el("p", { class: "error", role: "alert" }, t("box_failed", { reason: error.message })));
  }
  return undefined;
}

async function tick() {
  if (!document.hidden) {
    await refresh();
    await show(true);
  }
  setTimeout(tick, EVERY_MS);
}

$("language").addEventListener("click", async () => {
  await loadWords(language === "zh" ? "en" : "zh", "/");
  localStorage.setItem("language", language);
  await show();
});
$("sign").addEventListener("click", (event) => {
  if (!state.session.signed_in) return;
  event.preventDefault();
  // A session that is over already is as good as one that is ended.
  actions.signOut().catch(() => location.reload());
});
window.addEventListener("hashchange", async () => {
  await show();
  $("content").focus({ preventScroll: true });
});

state.session = await json("/api/session");
await loadWords(localStorage.getItem("language") ?? preferred(state.session.language), "/");
await refresh();
await show();
setTimeout(tick, EVERY_MS);
