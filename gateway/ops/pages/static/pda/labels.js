// What a scanned text names, as far as this device can tell without asking.

/** Without the three characters by which a scanner says what kind of symbol it was. */
export const plain = (text) => text.replace(/^\][A-Za-z][0-9A-Za-z]/, "").trim();

const matches = (text, pattern) => {
  const parts = pattern.split("*").map((it) => it.replace(/[.+^${}()|[\]\\?]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(text);
};

/** The SSCC in a symbol that is one, its check digit being right. */
export function ssccIn(text) {
  const digits = /^(?:\(00\)|00)?(\d{18})$/.exec(plain(text))?.[1];
  if (digits === undefined) return null;
  const sum = [...digits.slice(0, 17)].reduce((all, it, i) => all + Number(it) * (i % 2 ? 1 : 3), 0);
  return (10 - (sum % 10)) % 10 === Number(digits[17]) ? digits : null;
}

/** { kind, id } of one of the house's own labels, or null. patterns: by kind, as the gateway has
 * them; places: known ones that no pattern names. */
export function labelIn(text, patterns, places) {
  const id = plain(text);
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(id)) return null;
  for (const [kind, several] of Object.entries(patterns)) {
    if (several.some((pattern) => matches(id, pattern))) return { kind, id };
  }
  return places.has(id) ? { kind: "location", id } : null;
}
