// What the box's page shows, each view a function from what is known to elements.
import { el, fill } from "/pda/dom.js";
import { has, language, t } from "/pda/words.js";
import { age, badge, celsius, clock, number, percent, size, table } from "/static/shown.js";

const STATES = { online: "good", starting: "idle", lost: "bad", faulty: "look" };
const stateBadge = (state) => badge(STATES[state] ?? "look", t(`box_state_${state}`));

const since = (report, us) => (us ? t("box_ago", { age: age((report.time_us - us) / 1e6) }) : t("box_never"));

function tile(word, kind, value, about, href) {
  const inside = [el("h2", {}, t(word)), el("p", { class: "value" }, value), about ? el("p", { class: "about" }, about) : null];
  return el(href ? "a" : "div", { class: `tile ${kind}`, href }, inside);
}

function tiles(report) {
  const { sync, journal, intake, devices, climate, excursions, sensor_faults: faults } = report;
  const online = devices.filter((it) => it.state === "online").length;
  const inTrouble = devices.filter((it) => it.state === "lost" || it.state === "faulty").length;
  const lag = sync.lag_events ? t("box_lag", { n: number(sync.lag_events), age: age(sync.lag_s) }) : t("box_lag_none");
  return el("div", { class: "tiles" },
    tile("box_devices", inTrouble ? "look" : "good",
      [badge(inTrouble ? "look" : "good", devices.length ? t("box_devices_good", { n: online, all: devices.length }) : t("box_devices_none"))],
      devices.filter((it) => it.state === "lost" || it.state === "faulty").slice(0, 3).map((it) => it.name).join(", "), "#devices"),
    tile("box_cloud", sync.is_connected ? "good" : "look",
      [badge(sync.is_connected ? "good" : "look", t(sync.is_connected ? "box_connected" : "box_not_connected"))],
      sync.is_connected ? lag : [lag, sync.last_error ? ` · ${sync.last_error}` : ""]),
    tile("box_journal", "idle", t("box_events", { n: number(journal.last_seq) }),
      t("box_journal_about", { size: size(journal.bytes), queued: number(intake.queued) })),
    tile("box_climate", excursions.length || faults.length ? "bad" : "good",
      climate.slice(0, 4).map((it) => el("span", { class: "reading" }, el("b", {}, it.zone), ` ${celsius(it.temperature_centi_c)}`)),
      excursions.length || faults.length ? badge("bad", t("box_too_warm")) : climate.length ? badge("good", t("box_in_range")) : t("box_empty"), "#climate"),
    tile("box_exceptions", report.exceptions ? "look" : report.exceptions === 0 ? "good" : "idle",
      [badge(report.exceptions ? "look" : report.exceptions === 0 ? "good" : "idle", number(report.exceptions))], t("box_exceptions_about")),
    report.disk ? tile("box_disk", "idle", t("box_disk_free", { size: size(report.disk.free_bytes) }),
      report.journal.max_bytes ? t("box_disk_about", { size: size(report.journal.bytes), max: size(report.journal.max_bytes) }) : "") : null,
    quarantine(report),
  );
}

function quarantine(report) {
  const n = report.journal.n_quarantined;
  return n === undefined ? null : tile("box_set_aside", n ? "look" : "good", [badge(n ? "look" : "good", number(n))], null, "#quarantine");
}

function alarms(report) {
  const rows = report.alarms.map((it) =>
    el("li", {}, badge("bad", it.title || it.name), " ", it.text, " ", el("small", {}, t("box_since", { time: clock(it.since_us) }))));
  if (report.stalled.length) rows.push(el("li", {}, badge("bad", t("box_stalled", { loops: report.stalled.join(", ") }))));
  return el("section", {}, el("h2", {}, t("box_alarms")),
    rows.length ? el("ul", { class: "alarms" }, rows) : el("p", {}, badge("good", t("box_alarms_none"))));
}

function planning(report) {
  const trigger = report.triggers.at(-1);
  const plan = report.plans.at(-1);
  return el("section", { class: "pair" },
    el("div", {}, el("h2", {}, t("box_trigger")), el("p", {}, trigger ? trigger.reason : t("box_trigger_none"))),
    el("div", {}, el("h2", {}, t("box_plan")), plan
      ? el("p", {}, el("code", {}, plan.plan_id), " ",
        t("box_plan_about", { state: plan.state ?? "–", source: plan.source ?? "–", n: plan.lines?.length ?? 0 }))
      : el("p", {}, t("box_plan_none"))));
}

function devices(report) {
  const columns = [["box_name"], ["box_state"], ["box_last_seen"], ["box_last_reading", "wide"], ["box_reads", "n"],
    ["box_errors"], ["box_reconnects", "n"], ["box_missing", "n"], ["box_battery", "n"], ["box_driver"]];
  const rows = report.devices.map((it) => [
    el("strong", {}, it.name),
    [stateBadge(it.state), it.faults?.length ? el("small", {}, ` ${it.faults.join(", ")}`) : null],
    since(report, it.last_seen_us), it.last_reading || "–", number(it.n_reads),
    Object.entries(it.errors ?? {}).map(([kind, n]) => `${kind} ${n}`).join(", ") || "–",
    number(it.n_reconnects), number(it.n_missing),
    typeof it.battery_pct === "number" ? `${it.battery_pct} %` : "–", el("code", {}, it.driver ?? "–")]);
  return el("section", {}, el("h2", {}, t("box_devices")), table(columns, rows, t("box_devices")));
}

function climate(report) {
  const columns = [["box_zone"], ["box_sensor"], ["box_temperature", "n"], ["box_humidity", "n"], ["box_measured"], ["box_state"]];
  const rows = report.climate.map((it) => {
    const out = report.excursions.find((e) => e.zone === it.zone && e.device === it.device);
    const faults = report.sensor_faults.filter((f) => f.device === it.device).map((f) => f.kind);
    const state = faults.length ? badge("bad", t("box_fault", { kinds: faults.join(", ") }))
      : out ? badge("bad", t("box_too_warm")) : badge("good", t("box_in_range"));
    return [el("strong", {}, it.zone), it.device, celsius(it.temperature_centi_c), percent(it.humidity_centi_pct), since(report, it.at_us), state];
  });
  return el("section", {}, el("h2", {}, t("box_climate")), table(columns, rows, t("box_climate")));
}

/** Views made of the report alone: they are drawn anew with each. */
export const VIEWS = {
  overview: ({ report }) => [tiles(report), alarms(report), planning(report)],
  devices: ({ report }) => devices(report),
  climate: ({ report }) => climate(report),
};

const nameOf = (item) => item?.names?.[language] ?? item?.names?.en ?? Object.values(item?.names ?? {})[0] ?? null;

/** The stock of this warehouse, filtered as one types; gives what takes a newer report. */
export async function stockTable(content, state, actions) {
  const { items, lots } = await actions.shelf();
  const expiry = new Map(lots.map(([item, lot, day]) => [`${item} ${lot}`, day]));
  const named = (report) => report.stock
    .map((it) => ({ ...it, name: nameOf(items[it.item]), day: expiry.get(`${it.item} ${it.lot}`) ?? "" }))
    .sort((a, b) => (a.name ?? a.item).localeCompare(b.name ?? b.item) || (a.day || "9").localeCompare(b.day || "9"));
  let all = state.report ? named(state.report) : [];
  const search = el("input", { type: "search", id: "filter", placeholder: t("box_filter"), "aria-label": t("box_filter") });
  const virtual = el("input", { type: "checkbox", id: "virtual" });
  const count = el("span", { class: "about", role: "status" });
  const rows = el("div", {});
  const columns = [["box_item", "wide"], ["box_lot"], ["box_expiry"], ["box_place"], ["box_status"], ["box_quantity", "n"]];
  const draw = () => {
    const words = search.value.toLowerCase().split(/\s+/);
    const shown = all.filter((it) => (virtual.checked || !it.location.startsWith("@")) && words.every((word) =>
      `${it.name ?? ""} ${it.item} ${it.lot} ${it.location} ${it.status}`.toLowerCase().includes(word)));
    count.textContent = t("box_n_of", { n: number(shown.length), all: number(all.length) });
    fill(rows, table(columns, shown.slice(0, 2000).map((it) => [
      [el("strong", {}, it.name ?? it.item), it.name ? el("small", {}, ` ${it.item}`) : null], it.lot || "–", it.day || "–",
      el("code", {}, it.location), has(`box_is_${it.status}`) ? t(`box_is_${it.status}`) : it.status, `${number(it.quantity)} ${it.unit === "g" ? "g" : ""}`]), t("box_stock")));
  };
  search.addEventListener("input", draw);
  virtual.addEventListener("change", draw);
  draw();
  fill(content, el("section", { "data-live": "" }, el("h2", {}, t("box_stock")),
    el("div", { class: "tools" }, search, el("label", {}, virtual, " ", t("box_virtual")), count), rows));
  return (report) => {
    all = named(report);
    draw();
  };
}

/** What was set aside, the newest first. */
export async function quarantineList(content, actions) {
  const columns = [["box_when"], ["box_device"], ["box_reason", "wide"], ["box_raw", "wide"]];
  const rows = [];
  const list = el("div", {});
  const more = el("button", { type: "button", onclick: () => load() }, t("box_older"));
  const load = async () => {
    const said = await actions.quarantine(rows.at(-1)?.id);
    rows.push(...said.messages);
    more.hidden = !said.more;
    fill(list, table(columns, rows.map((it) => [
      el("a", { href: `#quarantine/${it.id}` }, clock(it.received_at_us)), it.device,
      [el("code", {}, it.kind), " ", it.reason], [el("code", {}, asText(it.head)), el("small", {}, ` ${t("box_bytes", { n: number(it.n_bytes) })}`)]]),
    t("box_quarantine")));
  };
  await load();
  fill(content, el("section", {}, el("h2", {}, t("box_quarantine")), list, more));
}

/** Bytes as text: what cannot be shown is a dot, as in a hex dump. */
function asText(hex) {
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  return new TextDecoder().decode(bytes).replace(/[\p{C}\uFFFD]/gu, "·");
}

const dump = (hex) => (hex.match(/.{1,32}/g) ?? []).map((line, i) =>
  `${(i * 16).toString(16).padStart(6, "0")}  ${(line.match(/../g) ?? []).join(" ").padEnd(47)}  ${asText(line)}`).join("\n");

/** One message that was set aside, whole. */
export async function quarantineOne(content, id, state, actions) {
  const it = await actions.message(id);
  const told = el("p", { role: "status" });
  const again = el("button", {
    type: "button",
    class: "primary",
    onclick: () => actions.reinject(id).then(
      () => fill(told, badge("good", t("box_reinject_asked"))),
      (error) => fill(told, badge("bad", error.message))),
  }, t("box_reinject"));
  fill(content, el("section", {},
    el("p", {}, el("a", { href: "#quarantine" }, `← ${t("box_back")}`)),
    el("h2", {}, `${t("box_quarantine")} ${it.id}`),
    el("dl", {}, [["box_when", clock(it.received_at_us)], ["box_device", it.device], ["box_reason", `${it.kind}: ${it.reason}`]]
      .map(([word, value]) => [el("dt", {}, t(word)), el("dd", {}, value)])),
    state.session.signed_in ? again : el("p", { class: "about" }, t("box_read_only"), " · ", el("a", { href: "#sign-in" }, t("box_sign_in"))), told,
    el("h3", {}, t("box_as_text")), el("pre", { tabindex: "0" }, asText(it.raw)),
    el("h3", {}, t("box_as_hex")), el("pre", { tabindex: "0" }, dump(it.raw))));
}

/** Where one signs in with the token of this box. must: nothing is shown without. */
export function signIn(actions, must) {
  const token = el("input", { type: "password", id: "token", autocomplete: "current-password", required: true });
  const told = el("p", { role: "alert", class: "error" });
  const submit = (event) => {
    event.preventDefault();
    actions.signIn(token.value.trim()).catch((error) => { told.textContent = t("box_failed", { reason: error.message }); });
  };
  return el("form", { class: "card", onsubmit: submit, "data-live": "" },
    // Password stores want to know whose it is.
    el("input", { type: "text", autocomplete: "username", value: "forepost", hidden: true, readonly: true }),
    el("h2", {}, t("box_sign_in")), must ? el("p", {}, t("box_must_sign_in")) : null,
    el("label", { for: "token" }, t("box_token")), token,
    el("p", { class: "about" }, t("box_token_about")),
    el("button", { type: "submit", class: "primary" }, t("box_sign_in")), told);
}

/** What one gives to whoever helps. */
export function support({ session }, actions) {
  const told = el("p", { role: "status" });
  const make = el("button", {
    type: "button", class: "primary",
    onclick: () => actions.bundle().catch((error) => fill(told, badge("bad", t("box_failed", { reason: error.message })))),
  }, t("box_bundle_make"));
  const can = session.has_bundle && session.signed_in;
  return el("section", {}, el("h2", {}, t("box_bundle")), el("p", {}, t("box_bundle_about")),
    can ? make : el("p", { class: "about" }, session.has_bundle ? el("a", { href: "#sign-in" }, t("box_sign_in")) : t("box_bundle_command")), told,
    el("h2", {}, t("box_pda")), el("p", {}, el("a", { href: "/pda/" }, "/pda/")),
    el("h2", {}, t("box_metrics")), el("p", {}, el("a", { href: "/metrics" }, "/metrics")));
}
