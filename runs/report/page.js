// colours follow the page's, which follow the reader's choice of light or dark
function colours() {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim();
  const faint = style.getPropertyValue("--faint").trim();
  const axis = { color: ink, gridcolor: faint, linecolor: ink, showline: true };
  return { ink, axis, paper: style.getPropertyValue("--paper").trim() };
}

function themed(layout) {
  const { ink, axis, paper } = colours();
  return {
    ...layout,
    template: {},
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink, family: "system-ui, sans-serif", size: 13 },
    hoverlabel: { bgcolor: paper, font: { color: ink } },
    xaxis: { ...layout.xaxis, ...axis },
    yaxis: { ...layout.yaxis, ...axis },
  };
}

// on a dark page the dark end of a colour scale would not be seen: it is mixed with white
const SEEN = 0.14; // relative luminance; three times the page's contrast

function luminance(rgb) {
  const linear = rgb.map((c) => (c / 255 <= 0.04045 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

function lighter(colour) {
  const [red, green, blue, alpha] = colour.match(/[\d.]+/g).map(Number);
  let rgb = [red, green, blue];
  while (luminance(rgb) < SEEN) rgb = rgb.map((c) => Math.ceil(c + 0.05 * (255 - c)));
  return `rgba(${rgb.join(",")},${alpha ?? 1})`;
}

function coloured(data) {
  const page = colours().paper.match(/\w\w/g).map((part) => parseInt(part, 16));
  if (luminance(page) > 0.5) return data;
  const seen = (key, value) => (/^rgba\(/.test(value) ? lighter(value) : value);
  return JSON.parse(JSON.stringify(data), seen);
}

let plots = [];

function draw() {
  const options = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d"] };
  for (const { place, data, layout } of plots) Plotly.react(place, coloured(data), themed(layout), options);
}

function load() {
  if (!document.querySelector(".plot")) return;
  const script = document.createElement("script");
  script.textContent = unpacked("library");
  document.head.append(script);
  const figures = JSON.parse(unpacked("plots"));
  plots = Object.entries(figures).map(([anchor, { data, layout }]) => ({
    place: document.getElementById(anchor),
    data,
    layout,
  }));
  draw();
}

load();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
matchMedia("print").addEventListener("change", draw);
