// Builds elements. Text is only ever text: whatever a tag, a device or a person named something,
// it cannot become markup.

/** An element: el("td", {class: "n"}, "12", child, null). Attributes of null are left out. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((it) => it !== null && it !== undefined));
  return element;
}

/** Replaces what is in an element, unless it would look the same: a selection stays. */
export function fill(element, ...children) {
  const next = el("div", {}, ...children);
  if (next.innerHTML === element.innerHTML && !element.querySelector("[data-live]")) return;
  element.replaceChildren(...next.childNodes);
}
