// Draws the charts of a page with Chart.js (global `Chart`). The figures of each stand in its
// data-chart attribute (portal/charts.py says what is in it), as exact decimal strings; numbers are
// made of them for the drawing alone. When the attribute changes, the chart follows.

const drawn = new Map(); // box -> { chart, told }
const still = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

// "1234.5" -> "$1,234.50": as the pages write amounts, from the digits themselves.
function usd(text) {
  const negative = text.startsWith("-");
  const [whole, fraction = ""] = (negative ? text.slice(1) : text).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return `${negative ? "\u2212" : ""}$${grouped}.${fraction.padEnd(2, "0")}`;
}

// An axis wants few digits, and the same number of them at every tick.
function axisUsd(value, _, ticks) {
  const step = ticks.length > 1 ? Math.abs(ticks[1].value - ticks[0].value) : Math.abs(value);
  const decimals = step >= 1 || step === 0 ? (step % 1 === 0 ? 0 : 2) : Math.min(6, Math.max(2, -Math.floor(Math.log10(step))));
  const text = Math.abs(value).toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  return `${value < 0 ? "\u2212" : ""}$${text}`;
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    tone: (name) => read(`--tone-${name}`) || read("--accent"),
    ink: read("--ink"),
    soft: read("--soft"),
    surface: read("--surface"),
    grid: read("--chart-grid"),
    line: read("--line"),
  };
}

function datasetsOf(told, colour) {
  const last = told.labels.length - 1;
  return told.series.map((series) => {
    const data = series.values.map((value) => (value === null ? null : Number(value)));
    const tone = colour.tone(series.tone);
    if (told.kind === "steps") {
      return {
        label: series.name, data, stepped: "middle", borderColor: tone, borderWidth: 2, fill: "origin",
        backgroundColor: `color-mix(in srgb, ${tone} 14%, transparent)`,
        pointRadius: (context) => (context.dataIndex === last ? 4 : 0), pointHoverRadius: 5,
        pointBackgroundColor: tone, pointBorderColor: colour.surface, pointBorderWidth: 2,
      };
    }
    return {
      label: series.name, data, backgroundColor: tone, borderColor: colour.surface,
      // A seam between neighbours: they are told apart without their colours too.
      borderWidth: told.kind === "stacked" ? { top: 1, bottom: 0, left: 0, right: 0 } : 0,
      borderSkipped: false, maxBarThickness: 34,
    };
  });
}

function tooltipOf(box, colour) {
  const told = () => drawn.get(box).told;
  return {
    backgroundColor: colour.ink, titleColor: colour.surface, bodyColor: colour.surface, footerColor: colour.surface,
    padding: 10, cornerRadius: 8, boxPadding: 4, usePointStyle: false,
    itemSort: (one, other) => other.datasetIndex - one.datasetIndex, // from the top of the bar down
    filter: (item) => told().series[item.datasetIndex].values[item.dataIndex] !== "0" || told().kind !== "stacked",
    callbacks: {
      title: (items) => (items.length > 0 ? told().titles[items[0].dataIndex] : ""),
      label: (item) => {
        const series = told().series[item.datasetIndex];
        const value = series.values[item.dataIndex];
        return value === null ? series.name : `${series.name}: ${usd(value)}`;
      },
      footer: (items) => (items.length > 0 && told().totals ? `Total: ${usd(told().totals[items[0].dataIndex])}` : ""),
    },
  };
}

function optionsOf(box, told, colour) {
  const stacked = told.kind === "stacked";
  const font = { family: getComputedStyle(document.body).fontFamily, size: 12 };
  const money = {
    stacked, beginAtZero: true, border: { display: false }, grid: { color: colour.grid, drawTicks: false },
    ticks: { color: colour.soft, font, padding: 8, maxTicksLimit: 6, callback: axisUsd },
  };
  const names = {
    stacked, border: { color: colour.line }, grid: { display: false },
    ticks: { color: colour.soft, font, maxRotation: 0, autoSkip: true, autoSkipPadding: 16 },
  };
  return {
    responsive: true, maintainAspectRatio: false, locale: "en-US",
    animation: still.matches ? false : { duration: 250 },
    // Only what moves is animated, not the first drawing or a change of size.
    transitions: { resize: { animation: { duration: 0 } } },
    interaction: { mode: "index", intersect: false, axis: "x" },
    layout: { padding: { top: 6, right: 6 } },
    scales: { x: names, y: money },
    plugins: { legend: { display: false }, tooltip: tooltipOf(box, colour) },
    onClick: (_, items) => {
      const href = items.length > 0 ? drawn.get(box).told.hrefs?.[items[0].index] : undefined;
      if (href) location.href = href;
    },
  };
}

function draw(box) {
  const told = JSON.parse(box.dataset.chart);
  const colour = colours();
  const known = drawn.get(box);
  if (known !== undefined && known.told.kind === told.kind) {
    known.told = told;
    known.chart.data.labels = told.labels;
    datasetsOf(told, colour).forEach((dataset, i) => {
      if (known.chart.data.datasets[i]) Object.assign(known.chart.data.datasets[i], dataset);
      else known.chart.data.datasets[i] = dataset;
    });
    known.chart.data.datasets.length = told.series.length;
    known.chart.options = optionsOf(box, told, colour);
    known.chart.update(still.matches ? "none" : undefined);
    return;
  }
  known?.chart.destroy();
  const record = { told, chart: null };
  drawn.set(box, record);
  record.chart = new Chart(box.querySelector("canvas"), {
    type: told.kind === "steps" ? "line" : "bar",
    data: { labels: told.labels, datasets: datasetsOf(told, colour) },
    options: { ...optionsOf(box, told, colour), animation: false },
  });
}

function drawAll() {
  for (const [box, { chart }] of drawn) {
    if (box.isConnected) continue;
    chart.destroy();
    drawn.delete(box);
  }
  for (const box of document.querySelectorAll("[data-chart]")) if (!drawn.has(box)) draw(box);
}

new MutationObserver((changes) => {
  for (const { type, target } of changes) if (type === "attributes" && drawn.has(target)) draw(target);
  drawAll();
}).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-chart"] });
// Without motion Chart.js leaves what is drawn its colours when only those change: it begins anew.
function drawAnew() {
  for (const { chart } of drawn.values()) chart.destroy();
  drawn.clear();
  drawAll();
}

for (const changed of [dark, still]) changed.addEventListener("change", drawAnew);
drawAll();
