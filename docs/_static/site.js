// An equation wider than its column is set smaller until it fits: on narrow screens.
function fitEquations() {
  for (const box of document.querySelectorAll("article .math")) {
    box.style.fontSize = "";
    const inline = box.tagName === "SPAN";
    const block = inline ? box.closest("p, dd, dt, li, td, th, h1, h2, h3") : box.parentElement;
    const set = box.querySelector("mjx-container");
    if (!block || !set) continue;
    const width = () => (inline ? set.getBoundingClientRect().width : box.scrollWidth);
    for (let size = 95; width() > block.clientWidth && size >= 40; size -= 5) {
      box.style.fontSize = size / 100 + "em";
    }
  }
  document.documentElement.dataset.equations = innerWidth; // fitted to this width
}
addEventListener("load", async () => {
  if (!window.MathJax?.startup?.promise) return;
  await MathJax.startup.promise;
  fitEquations();
  addEventListener("resize", fitEquations);
});
