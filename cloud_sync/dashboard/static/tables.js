// Filter and order of tables, in the page itself: two thousand rows answer as one types.
//   <input data-filters="ID">   words that must all be in a row
//   <output data-count="ID">    how many are shown, as data-words says it
//   <p data-none="ID">          told where none is
//   <button data-sorts="text|number"> in a <th>; a cell may carry its own data-value

const texts = new WeakMap();

function textOf(row) {
  let text = texts.get(row);
  if (text === undefined) {
    text = row.textContent.toLocaleLowerCase();
    texts.set(row, text);
  }
  return text;
}

function filter(field) {
  const id = field.dataset.filters;
  const table = document.getElementById(id);
  if (!table) return;
  const words = field.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const rows = table.tBodies[0].rows;
  let shown = 0;
  for (const row of rows) {
    const isHit = words.every((word) => textOf(row).includes(word));
    if (row.hidden === isHit) row.hidden = !isHit;
    shown += isHit;
  }
  const count = document.querySelector(`[data-count="${id}"]`);
  if (count) count.value = count.dataset.words.replace("{shown}", shown).replace("{all}", rows.length);
  const none = document.querySelector(`[data-none="${id}"]`);
  if (none) none.hidden = shown > 0 || rows.length === 0;
}

function valueOf(row, index, kind) {
  const cell = row.cells[index];
  const said = cell.dataset.value ?? cell.textContent.trim();
  return kind === "number" ? Number(said) : said;
}

function sort(button) {
  const head = button.closest("th");
  const body = head.closest("table").tBodies[0];
  const kind = button.dataset.sorts;
  const isUp = head.getAttribute("aria-sort") !== "ascending";
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", isUp ? "ascending" : "descending");
  const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });
  const compare = kind === "number" ? (a, b) => a - b : collator.compare;
  const keyed = [...body.rows].map((row) => [valueOf(row, head.cellIndex, kind), row]);
  keyed.sort(([a], [b]) => (isUp ? compare(a, b) : compare(b, a)));
  body.append(...keyed.map(([, row]) => row));
}

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-filters]")) filter(event.target);
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-sorts]");
  if (button) sort(button);
});
function filterAll() {
  for (const field of document.querySelectorAll("[data-filters]")) filter(field);
}
filterAll();
// What was asked for anew comes whole: the filter that one has typed stays in force.
document.addEventListener("htmx:afterSettle", filterAll);
