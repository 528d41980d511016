// How the PDA page looks: one function per screen, all drawn anew from the state.
import { el, fill } from "./dom.js";
import { FLOWS, PROMPTS, step } from "./flows.js";
import { language, t } from "./words.js";

const LOOKS = {
  accepted: ["good", "✔", "pda_recorded"],
  duplicate: ["good", "✔", "pda_duplicate"],
  flagged: ["look", "▲", "pda_flagged"],
  refused: ["bad", "✖", "pda_refused"],
  kept: ["kept", "⤓", "pda_kept"],
  waiting: ["kept", "…", "pda_waiting"],
};
const ORDER = ["receive", "putaway", "pick", "pack", "ship", "move", "count", "waste", "return", "inspect", "lookup"];

const button = (words, press, kind = "", more = {}) =>
  el("button", { type: "button", class: kind, onclick: press, ...more }, words);

/** Draws everything. What one is typing stays: a form is drawn once, when its screen comes up. */
export function draw(state, actions) {
  document.title = t("pda_title");
  fill(document.getElementById("bar"), bar(state, actions));
  const screen = document.getElementById("screen");
  const name = `${state.screen}/${state.screen === "setup" ? language : ""}/${state.ask ? JSON.stringify(state.ask) : ""}`;
  const isForm = state.screen === "setup" || state.ask !== null;
  if (isForm && screen.dataset.name === name) return;
  screen.dataset.name = name;
  const typed = document.activeElement?.id === "code" ? document.activeElement.value : null;
  const opened = [...screen.querySelectorAll("details")].map((it) => it.open);
  fill(screen, SCREENS[state.screen](state, actions));
  screen.querySelectorAll("details").forEach((it, i) => { it.open = opened[i] ?? false; });
  const code = document.getElementById("code");
  if (typed !== null && code !== null && document.activeElement !== code) {
    code.value = typed;
    code.focus();
  }
  document.getElementById("live").textContent = spoken(state);
}

const spoken = ({ current }) =>
  (current ? `${t(LOOKS[current.status][2])}. ${current.result?.message ?? ""}` : "");

function bar(state, actions) {
  const { link, outbox, settings } = state;
  const n = outbox?.held.size ?? 0;
  const online = link === "online";
  const word = { online: "pda_online", refused: "pda_refused_login", connecting: "pda_connecting" }[link] ?? "pda_offline";
  return [
    state.screen === "home" || state.screen === "setup" || state.screen === "other"
      ? el("strong", { class: "name" }, settings.device || t("pda_title"))
      : button(`‹ ${t("pda_home")}`, actions.home, "back"),
    outbox === null ? null : el("span", { class: `pill ${online ? "good" : "bad"}`, id: "link" }, `${online ? "●" : "○"} ${t(word)}`),
    outbox === null ? null : el("span", { class: `pill ${n ? "look" : "good"}`, id: "unsent", "data-n": n }, n ? `⤓ ${t("pda_unsent", { n })}` : `✓ ${t("pda_unsent_none")}`),
    button(state.settings.worker || "⚙", actions.setUp, "small", { "aria-label": t("pda_settings") }),
  ];
}

// ------------------------------------------------------------ screens

const SCREENS = { setup, home, job, exceptions, other: () => el("p", { class: "empty" }, t("pda_other_tab")) };

const field = (id, word, value, more = {}) =>
  [el("label", { for: id }, t(word)), el("input", { id, name: id, value, ...more })];

function setup(state, actions) {
  const { settings, config } = state;
  const submit = (event) => {
    event.preventDefault();
    const given = new FormData(event.target);
    actions.connect(Object.fromEntries([...given].map(([key, value]) => [key, value.trim()])));
  };
  const id = { required: true, pattern: "[A-Za-z0-9._\\-]{1,64}", autocapitalize: "none", autocomplete: "username" };
  return el("form", { class: "card", onsubmit: submit },
    el("h1", {}, t("pda_settings")),
    state.note ? el("p", { class: "note", role: "alert" }, state.note) : null,
    field("device", "pda_device", settings.device, id),
    field("password", "pda_password", settings.password, { type: "password", autocomplete: "current-password" }),
    field("worker", "pda_worker", settings.worker, { pattern: id.pattern, autocapitalize: "none", autocomplete: "off" }),
    config.websocket_port && !settings.broker ? null
      : field("broker", "pda_broker", settings.broker, { type: "url", placeholder: "wss://" }),
    el("p", { class: "about" }, t("pda_setup_about")),
    el("button", { type: "submit", class: "primary" }, t("pda_connect")),
    el("div", { class: "row" },
      button(`${settings.sound ? "◉" : "○"} ${t("pda_sound")}`, () => flip(state, actions), "", { "aria-pressed": String(settings.sound) }),
      button(language === "zh" ? "English" : "中文", () => actions.speak(language === "zh" ? "en" : "zh"), "", { lang: language === "zh" ? "en" : "zh" })),
    settings.device ? button(t("pda_cancel"), actions.home) : null);
}

function flip(state, actions) {
  document.getElementById("screen").dataset.name = "";
  actions.setting("sound", !state.settings.sound);
}

function home(state, actions) {
  return [
    el("h1", { class: "unseen" }, t("pda_home")),
    state.note ? el("p", { class: "note", role: "status" }, state.note) : null,
    state.current ? answer(state, actions) : null,
    el("div", { class: "grid" }, ORDER.map((type) =>
      button([el("span", { class: "icon", "aria-hidden": "true" }, FLOWS[type].icon), t(`pda_${type}`)], () => actions.open(type), "tile")),
      button([el("span", { class: "icon", "aria-hidden": "true" }, "!"), t("pda_exceptions")], () => actions.open("exceptions"), "tile")),
    el("h2", {}, t("pda_to_do")),
    state.tasks.length ? el("ul", { class: "tasks" }, state.tasks.slice(0, 60).map((task) => el("li", {}, taskCard(task, actions))))
      : el("p", { class: "empty" }, t("pda_to_do_none")),
    typing(actions), history(state),
  ];
}

function taskCard(task, actions) {
  const about = task.lines?.length ?? task.stops?.length ?? task.items?.length;
  const by = task.ship_by_us ? new Date(task.ship_by_us / 1000).toLocaleString(language === "zh" ? "zh-CN" : "en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" }) : "";
  return button([el("span", { class: "icon", "aria-hidden": "true" }, FLOWS[task.type]?.icon ?? "·"),
    el("span", { class: "what" }, el("strong", {}, t(`pda_${task.type}`)), ` ${task.id ?? task.location ?? ""}`),
    el("small", {}, [by, about ? `× ${about}` : ""].filter(Boolean).join(" · "))],
  () => actions.open(task.type, task), "task");
}

function job(state, actions) {
  const { job: it } = state;
  const flow = FLOWS[it.type];
  if (state.ask) return question(state, actions);
  return [
    el("h1", {}, `${t(`pda_${it.type}`)} `, it.id && it.type !== "move" ? el("code", {}, it.id) : null),
    chips(state, actions),
    answer(state, actions),
    it.next ? nextStop(state, actions) : null,
    documents(state, actions, flow),
    el("div", { class: "commands" },
      flow.commands.filter((command) => command !== "short").map((command) => button(t(commandWord(it.type, command)), () => actions.command(command))),
      button(`↶ ${t("pda_undo")}`, actions.undo, "", { title: t("pda_undo_about") })),
    it.stops?.length ? stops(state) : null,
    typing(actions), history(state),
  ];
}

const commandWord = (type, command) => (command === "close" ? `pda_close_${type}` : `pda_${command}`);

/** Where the worker is in the task, each a button that changes it. */
function chips(state, actions) {
  const { job: it } = state;
  const flow = FLOWS[it.type];
  const shown = [];
  const chip = (key, word, value) => shown.push(button([el("small", {}, t(word)), ` ${value}`], () => actions.forget(key), "chip", { title: t("pda_change") }));
  if (it.from) chip("from", "pda_from", it.from);
  if (it.sscc) chip("sscc", "pda_box", it.sscc);
  if (it.location && flow.places !== "after") chip("location", "pda_place", it.location);
  for (const key of flow.asks) {
    if (key === "verdict") continue;
    const value = it[key] === undefined ? "–" : key === "condition" ? t(`pda_${it[key]}`) : key === "quantity" && it.unit === "g" ? `${it[key]} g` : it[key];
    shown.push(button([el("small", {}, t(`pda_${key}`)), ` ${value}`], () => actions.ask({ key }), "chip"));
  }
  const verdicts = flow.asks.includes("verdict") ? ["good", "damaged", "suspect", "hold", "release"].map((it2) =>
    button(t(`pda_${it2}`), () => actions.put("verdict", it2), it.verdict === it2 ? "chosen" : "", { "aria-pressed": String(it.verdict === it2) })) : [];
  return [el("div", { class: "chips" }, shown), verdicts.length ? el("div", { class: "chips" }, verdicts) : null];
}

/** What the gateway said, or what is to be scanned now. */
function answer(state, actions) {
  const { current, job: it } = state;
  const prompt = state.badge ? "pda_scan_badge" : PROMPTS[it ? step(it) : "any"];
  if (current === null || state.badge) return el("section", { class: "answer ready" }, el("p", { class: "word" }, t(prompt)), state.note ? el("p", {}, state.note) : null);
  const [kind, shape, word] = LOOKS[current.status];
  const result = current.result ?? {};
  const facts = [];
  if (result.counted !== undefined) facts.push(t("pda_counted", { n: result.counted }));
  if (result.task?.expected !== undefined) facts.push(t("pda_expected", { received: result.task.received, expected: result.task.expected }));
  if (result.task?.left !== undefined) facts.push(t("pda_left", { n: result.task.left }));
  return el("section", { class: `answer ${kind}`, "data-status": current.status, "data-key": result.message_key, "data-seq": current.seq },
    el("p", { class: "word" }, el("span", { class: "shape", "aria-hidden": "true" }, shape), ` ${t(word)}`),
    el("p", { class: "message" }, result.message ?? (current.status === "kept" ? t("pda_kept_about") : current.what)),
    facts.length ? el("p", { class: "facts" }, facts.join(" · ")) : null,
    found(result),
    current.status === "refused" && current.body?.data ? button(t("pda_supervisor"), () => actions.supervise(current), "small") : null,
    el("p", { class: "prompt" }, t(prompt)));
}

/** What a look-up tells: where an item is, what a place or a box holds. */
function found(result) {
  const rows = result.places ?? result.contents;
  if (!rows?.length) return null;
  return el("ul", { class: "found" }, rows.slice(0, 20).map((it) => el("li", {},
    el("strong", {}, `${it.quantity}${it.unit === "g" ? " g" : ""} × ${it.name ?? it.item}`), " ",
    [it.location, it.lot, it.expiry, it.status === "available" ? null : it.status].filter(Boolean).join(" · "))));
}

const nameOf = ({ names }, item) => names[item] ?? item;

function nextStop(state, actions) {
  const { job: it } = state;
  const { next } = it;
  return el("section", { class: "next" },
    el("small", {}, t("pda_next")), el("strong", { class: "place" }, next.location),
    el("span", {}, [next.quantity ? `${next.quantity}${next.unit === "g" ? " g" : ""} ×` : "", next.item ? nameOf(state, next.item) : "", next.lot ?? ""].join(" ")),
    it.type === "pick" ? button(t("pda_short"), () => actions.ask({ key: "short", stop: next })) : null);
}

const stops = (state) => el("details", {}, el("summary", {}, `${t("pda_stops")} (${state.job.stops.length})`),
  el("ol", { class: "stops" }, state.job.stops.map((stop) => el("li", {}, el("code", {}, stop.location),
    ` ${stop.quantity ? `${stop.quantity} × ` : ""}${stop.item ? nameOf(state, stop.item) : ""} ${stop.lot ?? ""}`))));

/** Which document it is for, while none was chosen. */
function documents(state, actions, flow) {
  const { job: it } = state;
  if (!flow.documents || it.id || it.isFree) return null;
  const open = state.tasks.filter((task) => flow.documents.includes(task.type) && task.id);
  return el("section", { class: "choose" }, el("h2", {}, t("pda_document")),
    open.map((task) => button(task.id, () => actions.open(it.type, task), "task")),
    button(t(flow.free), () => actions.put("isFree", true)),
    button(t("pda_type_code"), () => actions.ask({ key: "id" })));
}

// ------------------------------------------------------------ asking

/** One question that fills the screen: a number, a reason, a choice. */
function question(state, actions) {
  const { ask, job: it } = state;
  const done = (key, value) => {
    state.ask = null;
    if (key === "short") actions.short(ask.stop, value);
    else if (value === "" || value === undefined) actions.forget(key);
    else actions.put(key, value);
  };
  if (ask.key === "condition") {
    return el("section", { class: "card" }, el("h1", {}, t("pda_condition")), ["good", "damaged", "suspect"].map((value) =>
      button(t(`pda_${value}`), () => done("condition", value), "big")), button(t("pda_cancel"), () => actions.ask(null)));
  }
  const isNumber = ask.key === "quantity" || ask.key === "temperature";
  const input = el("input", {
    id: "answer", autocomplete: "off", required: true, value: it[ask.key] ?? "",
    ...(isNumber ? { type: "number", inputmode: ask.key === "quantity" ? "numeric" : "decimal", step: ask.key === "quantity" ? 1 : 0.1 } : { type: "text", maxlength: 200 }),
  });
  const submit = (event) => {
    event.preventDefault();
    done(ask.key, isNumber ? Number(input.value) : input.value.trim());
  };
  const word = ask.key === "short" ? "pda_reason" : ask.key === "id" ? "pda_scan_document" : `pda_${ask.key}`;
  const grams = ask.key === "quantity" ? button(`${it.unit === "g" ? "◉" : "○"} ${t("pda_grams")}`, (event) => {
    actions.weigh();
    event.target.textContent = `${state.job.unit === "g" ? "◉" : "○"} ${t("pda_grams")}`;
  }) : null;
  queueMicrotask(() => input.focus());
  return el("form", { class: "card", onsubmit: submit },
    el("h1", {}, el("label", { for: "answer" }, t(word))), input,
    ask.key === "quantity" ? el("p", { class: "about" }, t("pda_quantity_about")) : null, grams,
    el("button", { type: "submit", class: "primary" }, t("pda_send")),
    it[ask.key] === undefined ? null : button("✕", () => done(ask.key, undefined)),
    button(t("pda_cancel"), () => actions.ask(null)));
}

/** For a code whose label is torn. */
function typing(actions) {
  const input = el("input", { id: "code", autocomplete: "off", autocapitalize: "none", "aria-label": t("pda_type_code"), placeholder: t("pda_type_code") });
  const submit = (event) => {
    event.preventDefault();
    if (input.value.trim()) actions.scanned(input.value.trim());
    input.value = "";
    input.blur();
  };
  return el("form", { class: "row typing", onsubmit: submit }, input, el("button", { type: "submit" }, t("pda_send")));
}

function history(state) {
  if (!state.scans.length) return null;
  return el("details", {}, el("summary", {}, t("pda_last")), el("ol", { class: "history" }, state.scans.slice(0, 12).map((it) => {
    const [kind, shape, word] = LOOKS[it.status];
    return el("li", { class: kind }, el("span", { class: "shape" }, `${shape} ${t(word)}`), " ", it.result?.message ?? it.what);
  })));
}

function exceptions(state, actions) {
  if (state.ask) {
    const { exception, action } = state.ask;
    const reason = el("input", { id: "reason", required: true, maxlength: 200 });
    const quantity = el("input", { id: "quantity", type: "number", inputmode: "numeric", step: 1 });
    const submit = (event) => {
      event.preventDefault();
      state.ask = null;
      actions.resolve(exception, action.action, reason.value.trim(), action.action === "adjust" ? Number(quantity.value) : undefined);
    };
    return el("form", { class: "card", onsubmit: submit }, el("h1", {}, action.text), el("p", {}, exception.text),
      el("label", { for: "reason" }, t("pda_reason")), reason,
      action.action === "adjust" ? [el("label", { for: "quantity" }, t("pda_quantity")), quantity] : null,
      el("button", { type: "submit", class: "primary" }, t("pda_resolve")), button(t("pda_cancel"), () => actions.ask(null)));
  }
  return [
    el("h1", {}, t("pda_exceptions")), answer(state, actions),
    (state.exceptions ?? []).map((it) => el("section", { class: "card", "data-id": it.id },
      el("h2", {}, it.text), el("p", {}, it.about),
      el("div", { class: "commands" }, it.actions.map((action) => button(action.text, () => actions.ask({ exception: it, action })))))),
  ];
}
