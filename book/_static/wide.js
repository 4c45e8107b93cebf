// What is wider than its column scrolls by itself, so that the page does not. It then says so in a line above it, has a name
// and a place in the order of the Tab key, and fades where there is more to see.
(() => {
  const HINT = "↔ wider than the screen: swipe or scroll sideways";
  const KINDS = [
    ["div.cell_output figure > .picture", "Picture"],
    [".pst-scrollable-table-container, .cell_output .text_html", "Table"],
    ["article div.highlight pre, article pre.literal-block", "Program or text"],
    ['mjx-container[display="true"]', "Formula"],
  ];
  const kinds = new Map(), hints = new Map();  // by element

  const section = element => element.closest("section")?.querySelector("h1, h2, h3, h4");
  const name = element => {
    const words = (element.closest("figure")?.querySelector(".caption-number") ?? section(element))?.textContent ?? "";
    return words.replace(/[#¶]\s*$/, "").trim();
  };

  const fade = element => {
    const left = Math.abs(element.scrollLeft), most = element.scrollWidth - element.clientWidth;
    element.classList.toggle("more-before", hints.has(element) && left > 2);
    element.classList.toggle("more-after", hints.has(element) && left < most - 2);
  };

  const widen = element => {
    const formula = kinds.get(element) === "Formula";
    const hint = Object.assign(document.createElement("div"), {className: "sideways-hint", textContent: HINT});
    hint.setAttribute("aria-hidden", "true");  // the label says it to those who do not see
    (formula ? element.closest("div.math") ?? element : element).before(hint);
    hints.set(element, hint);
    element.tabIndex = 0;
    if (formula) return;  // a screen reader reads it as mathematics, however wide
    element.setAttribute("role", "region");
    element.setAttribute("aria-label", `${kinds.get(element)} in ${name(element)}, wider than the screen`);
  };

  const narrow = element => {
    hints.get(element).remove();
    hints.delete(element);
    if (kinds.get(element) === "Formula") return;
    for (const attribute of ["tabindex", "role", "aria-label"]) element.removeAttribute(attribute);
  };

  const measure = element => {
    if (!element.clientWidth) return;  // in a fold
    const wide = element.scrollWidth > element.clientWidth + 2;
    if (wide && !hints.has(element)) widen(element);
    if (!wide && hints.has(element)) narrow(element);
    fade(element);
  };

  const watched = new ResizeObserver(entries => entries.forEach(entry => measure(entry.target)));
  const find = () => {
    for (const [selector, kind] of KINDS) {
      for (const element of document.querySelectorAll(selector)) {
        if (kinds.has(element)) continue;
        kinds.set(element, kind);
        element.classList.add("sideways");
        element.addEventListener("scroll", () => fade(element), {passive: true});
        watched.observe(element);
      }
    }
  };

  addEventListener("DOMContentLoaded", () => {
    for (const picture of document.querySelectorAll("div.cell_output figure > :is(a, img)")) {
      const frame = Object.assign(document.createElement("div"), {className: "picture"});
      picture.replaceWith(frame);
      frame.append(picture);
    }
    find();
  });
  addEventListener("load", () => window.MathJax?.startup?.promise?.then(find));
  addEventListener("resize", () => [...kinds.keys()].forEach(measure));
})();
