// An equation wider than the column is set smaller until it fits: on narrow screens.
function fitEquations() {
  for (const box of document.querySelectorAll("article div.math")) {
    box.style.fontSize = "";
    const room = box.parentElement.clientWidth;
    for (let size = 95; box.scrollWidth > room && size >= 40; size -= 5) {
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
