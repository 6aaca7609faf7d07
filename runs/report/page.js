"use strict";
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

// the drawing library and its figures: deflated, in base 85
function bytes(text) {
  const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;,=>?@^_`{|}~";
  const value = new Uint8Array(128);
  for (let i = 0; i < 85; i++) value[alphabet.charCodeAt(i)] = i;
  const length = text.length - Math.ceil(text.length / 5);
  const groups = Math.ceil(text.length / 5);
  const out = new DataView(new ArrayBuffer(4 * groups));
  for (let g = 0; g < groups; g++) {
    let sum = 0;
    for (let i = 0; i < 5; i++) {
      const at = 5 * g + i;
      sum = 85 * sum + (at < text.length ? value[text.charCodeAt(at)] : 84);
    }
    out.setUint32(4 * g, sum);
  }
  return new Uint8Array(out.buffer, 0, length);
}

async function unpacked(name) {
  const packed = new Blob([bytes(document.getElementById(name).textContent)]);
  return new Response(packed.stream().pipeThrough(new DecompressionStream("deflate"))).text();
}

async function load() {
  if (!document.querySelector(".plot")) return;
  const script = document.createElement("script");
  script.textContent = await unpacked("library");
  document.head.append(script);
  const figures = JSON.parse(await unpacked("plots"));
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
