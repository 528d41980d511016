// How values are written for people: times, ages, amounts, states with a shape and a word.
import { el } from "/pda/dom.js";
import { language, t } from "/pda/words.js";

const locale = () => (language === "zh" ? "zh-CN" : "en-GB");

/** A time of day, with the day if it is not today. us: microseconds. */
export function clock(us) {
  const at = new Date(us / 1000);
  const time = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
  const day = at.toDateString() === new Date().toDateString() ? {} : { month: "short", day: "numeric" };
  return at.toLocaleString(locale(), { ...day, ...time });
}

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

/** How long something takes or is ago, in its largest unit. */
export function age(seconds) {
  const s = Math.max(0, Math.round(seconds));
  const [unit, size] = UNITS.find(([, it]) => s >= it) ?? UNITS[3];
  return new Intl.NumberFormat(locale(), { style: "unit", unit, unitDisplay: "long" }).format(Math.round(s / size));
}

export const number = (n) => (typeof n === "number" ? n.toLocaleString(locale()) : "–");

export function size(bytes) {
  if (typeof bytes !== "number") return "–";
  const [power, unit] = bytes < 2 ** 20 ? [10, "kB"] : bytes < 10 * 2 ** 30 ? [20, "MB"] : [30, "GB"];
  return `${number(Math.round(bytes / 2 ** power))} ${unit}`;
}

export const celsius = (centi) => (typeof centi === "number" ? `${(centi / 100).toFixed(1)} °C` : "–");
export const percent = (centi) => (typeof centi === "number" ? `${(centi / 100).toFixed(0)} %` : "–");

const SHAPES = { good: "●", look: "▲", bad: "✖", idle: "○" };

/** A state told by shape, word and colour, in this order of importance. */
export const badge = (kind, word) =>
  el("span", { class: `badge ${kind}` }, el("span", { "aria-hidden": "true" }, SHAPES[kind]), ` ${word}`);

/** A table with its empty state. columns: [word, class?]; rows: lists of cells. */
export function table(columns, rows, caption) {
  if (!rows.length) return el("p", { class: "empty" }, t("box_empty"));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", {},
      el("thead", {}, el("tr", {}, columns.map(([word, kind]) => el("th", { scope: "col", class: kind }, t(word))))),
      el("tbody", {}, rows.map((cells) => el("tr", {}, cells.map((cell, i) => el("td", { class: columns[i][1] }, cell)))))));
}
