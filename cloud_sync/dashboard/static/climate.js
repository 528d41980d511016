// The charts of a warehouse's climate: temperature and its limits to the left, humidity to the right.
// Drawn anew when samples come, when the page changes its size, and when the theme does.
const plots = [...document.querySelectorAll("[data-climate]")];
const drawn = new Map();
const HEIGHT = 240;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function options(plot, zone, width) {
  const ink = colour("--muted");
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: plot.dataset.zoneTime });
  const day = new Intl.DateTimeFormat(document.documentElement.lang, { day: "numeric", month: "short", timeZone: plot.dataset.zoneTime });
  const hours = (_, times) => times.map((s) => clock.format(s * 1000));
  const moment = (_, s) => (s === null ? "–" : `${day.format(s * 1000)} ${clock.format(s * 1000)}`);
  const grid = { stroke: colour("--line"), width: 1 };
  const axis = { stroke: ink, grid, ticks: grid, font: "12px system-ui, sans-serif" };
  let nTemperatures = 0;
  const series = zone.series.map(({ name }) => {
    const isTemperature = name.startsWith("°C");
    const n = isTemperature ? (nTemperatures++ % 3) + 1 : 5;
    return {
      label: name,
      scale: isTemperature ? "c" : "pct",
      stroke: colour(isTemperature ? `--series-${n}` : "--line-strong"),
      width: isTemperature ? 2 : 1,
      dash: isTemperature ? undefined : [2, 3],
      spanGaps: false,
      value: (_, v) => (v === null ? "–" : isTemperature ? `${v.toFixed(1)} °C` : `${v.toFixed(0)} %`),
    };
  });
  const limit = (label) => ({ label, scale: "c", stroke: colour("--bad"), width: 1, dash: [6, 4],
    points: { show: false }, value: (_, v) => (v === null ? "–" : `${v.toFixed(1)} °C`) });
  return {
    width, height: HEIGHT, series: [{ label: plot.dataset.time, value: moment }, ...series, limit(plot.dataset.low), limit(plot.dataset.high)],
    tzDate: (s) => uPlot.tzDate(new Date(s * 1000), plot.dataset.zoneTime),
    scales: { pct: { range: [0, 100] } },
    axes: [{ ...axis, values: hours }, { ...axis, scale: "c", size: 56, values: (_, v) => v.map((it) => `${it} °C`) },
      { ...axis, scale: "pct", side: 1, size: 60, grid: { show: false }, values: (_, v) => v.map((it) => `${it} %`) }],
    cursor: { points: { size: 7 } },
  };
}

function draw(plot, zone) {
  const width = plot.clientWidth;
  const level = (value) => zone.at_s.map(() => value);
  const data = [zone.at_s, ...zone.series.map((it) => it.values), level(zone.low), level(zone.high)];
  drawn.get(plot)?.destroy();
  plot.replaceChildren();
  drawn.set(plot, new uPlot(options(plot, zone, width), data, plot));
}

const last = new Map();
async function load() {
  const answers = new Map();
  for (const plot of plots) {
    const address = plot.dataset.climate;
    if (!answers.has(address)) answers.set(address, fetch(address).then((it) => (it.ok ? it.json() : null), () => null));
    const answer = await answers.get(address);
    const zone = answer?.zones[plot.dataset.zone];
    if (!zone) continue;
    last.set(plot, zone);
    draw(plot, zone);
  }
}

function drawAll() {
  for (const [plot, zone] of last) draw(plot, zone);
}

document.body.addEventListener("live:stock", load);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
let resting;
addEventListener("resize", () => {
  clearTimeout(resting);
  resting = setTimeout(drawAll, 150);
});
load();
