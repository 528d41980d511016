// Scanners that type: a burst of keys that ends with Enter, wherever the focus is.
//
// Outside of a text field nobody types, so whatever ends with Enter is a scan. In one, a run of keys
// that all come faster than anybody types is a scan, and is taken out of the field again; a slower
// one is left to the form. Half a scan is never taken for a whole one. The separator of GS1 element
// strings (GS, 0x1D) arrives as Ctrl+], as F8 or as key code 29, by the scanner's make; set one of
// these on it.

const RUN_MS = 1000;
const FAST_MS = 60;
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
  let last = -RUN_MS;
  let isFast = true;
  let field = null;
  let before = "";

  document.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const gap = event.timeStamp - last;
    if (event.key === "Enter" || event.key === "Tab") {
      const isScan = gap < RUN_MS && text.length >= KEYS_MIN && (field === null || (isFast && gap <= FAST_MS));
      const scanned = text;
      text = "";
      if (!isScan) return;
      event.preventDefault();
      event.stopPropagation();
      if (field !== null) field.value = before;
      onScan(scanned);
      return;
    }
    const typed = character(event);
    if (typed === null) return;
    if (gap >= RUN_MS || text === "") {
      text = "";
      isFast = true;
      field = isField(event.target) ? event.target : null;
      before = field?.value ?? "";
    } else if (gap > FAST_MS) {
      isFast = false;
    }
    text += typed;
    last = event.timeStamp;
    // Within a scan a space would press the button that has the focus.
    if (typed === GS || (text.length > 1 && !isField(event.target))) event.preventDefault();
  }, { capture: true });
}
