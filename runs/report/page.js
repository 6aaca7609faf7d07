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

let plots = [];

function draw() {
  const options = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d"] };
  for (const { place, data, layout } of plots) Plotly.react(place, data, themed(layout), options);
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
