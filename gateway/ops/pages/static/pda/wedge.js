// Scanners that type: a burst of keys that ends with Enter, wherever the focus is.
//
// What comes faster than anybody types is a scan. A burst that fell into a text field is taken out
// of it again. The separator of GS1 element strings (GS, 0x1D) arrives as Ctrl+], as F8 or as key
// code 29, by the scanner's make; set one of these on it.

const GAP_MS = 60;
const KEYS_MIN = 3;
const GS = "\x1d";

function character(event) {
  if (event.key === "F8" || event.keyCode === 29 || (event.ctrlKey && event.key === "]")) return GS;
  if (event.ctrlKey || event.altKey || event.metaKey || event.key.length !== 1) return null;
  return event.key;
}

const isField = (element) => element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement;

/** Calls onScan(text) for every scan. */
export function listenForScans(onScan) {
  let text = "";
  let last = 0;
  let field = null;
  let before = "";

  document.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const isBurst = event.timeStamp - last <= GAP_MS;
    if (event.key === "Enter" || event.key === "Tab") {
      const scanned = isBurst && text.length >= KEYS_MIN ? text : null;
      text = "";
      if (scanned === null) return;
      event.preventDefault();
      event.stopPropagation();
      if (field !== null) field.value = before;
      onScan(scanned);
      return;
    }
    const typed = character(event);
    if (typed === null) return;
    if (!isBurst) {
      text = "";
      field = isField(event.target) ? event.target : null;
      before = field?.value ?? "";
    }
    text += typed;
    last = event.timeStamp;
    // Within a scan a space would press the button that has the focus.
    if (typed === GS || (isBurst && !isField(event.target))) event.preventDefault();
  }, { capture: true });
}
