// The words of one language, fetched once.

let words = {};
export let language = "en";

export async function loadWords(wanted, base) {
  const answer = await fetch(`${base}words/${wanted}.json`);
  if (!answer.ok) throw new Error(`words: ${answer.status}`);
  words = await answer.json();
  language = wanted;
  document.documentElement.lang = wanted === "zh" ? "zh-Hans" : wanted;
}

/** The words for a key, its blanks filled; the key itself where there are none. */
export function t(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "–");
}

export const has = (key) => key in words;

/** The browser's language if there are words for it. */
export function preferred(fallback) {
  for (const each of navigator.languages ?? []) {
    const short = each.split("-")[0];
    if (short === "zh" || short === "en") return short;
  }
  return fallback;
}
