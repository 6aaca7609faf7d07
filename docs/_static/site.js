// An equation wider than its column is set smaller until it fits: on narrow screens.
function fitEquations() {
  const boxes = [...document.querySelectorAll("article .math")];
  for (const box of boxes) box.style.fontSize = "";
  // all widths are read before any size is set: the page is laid out once
  const shares = boxes.map((box) => {
    const set = box.querySelector("mjx-container");
    if (!set) return 1;
    let block = box.parentElement;
    while (block.clientWidth === 0 && block.parentElement) block = block.parentElement; // inline
    const style = getComputedStyle(block);
    const room = block.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const width = box.tagName === "SPAN" ? set.getBoundingClientRect().width : box.scrollWidth;
    return room / width;
  });
  boxes.forEach((box, i) => {
    if (shares[i] < 1) box.style.fontSize = Math.floor(98 * shares[i]) / 100 + "em";
  });
  document.documentElement.dataset.equations = innerWidth; // fitted to this width
}
// Where long names may end their lines: after "_", "/" and "(", and after a dot before a long word.
function breakNames() {
  const names = [...document.querySelectorAll("td code .pre")];
  const headings = [...document.querySelectorAll("article h2")];
  for (const text of [...names, ...headings].map((place) => place.firstChild)) {
    if (text?.nodeType !== Node.TEXT_NODE) continue;
    const parts = text.textContent.split(/(?<=[_/])|(?<=\.)(?=\w{4})/);
    text.replaceWith(...parts.flatMap((part, i) => (i ? [document.createElement("wbr"), part] : [part])));
  }
  for (const paren of document.querySelectorAll(".sig-paren")) {
    if (paren.textContent === "(") paren.after(document.createElement("wbr"));
  }
}
addEventListener("DOMContentLoaded", breakNames);
addEventListener("load", async () => {
  if (!window.MathJax?.startup?.promise) return;
  await MathJax.startup.promise;
  fitEquations();
  addEventListener("resize", fitEquations);
});
