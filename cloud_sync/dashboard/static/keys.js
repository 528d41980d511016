// Keys: `/` filters, `?` tells of them, `g` and a letter go to a page. Never while one types.
const WITHIN_MS = 1200;
let leaderAt = -Infinity;

function isTyping(target) {
  return target.matches("input, select, textarea, [contenteditable]");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const isAfterLeader = event.timeStamp - leaderAt < WITHIN_MS;
  leaderAt = -Infinity;
  if (isAfterLeader) {
    const link = document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`);
    if (link) link.click();
  } else if (event.key === "g") {
    leaderAt = event.timeStamp;
  } else if (event.key === "/") {
    const field = document.querySelector("input[data-filters]");
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select();
  } else if (event.key === "?") {
    document.getElementById("keys").showModal();
  }
});
