// What nobody can read or press on the page as it is now: text that is cut off or leaves its box, and controls
// that are outside or covered. `tablesScroll`: a table that is too wide may be scrolled to reach a control.
(tablesScroll) => {
  const found = [];
  const tell = (what, element) => found.push(`${what}: ${element.outerHTML.slice(0, 160)}`);
  const shown = (element) => element.checkVisibility() && !element.closest(".unseen, .skip, svg");
  const leaves = (inner, outer) => inner.left < outer.left - 1 || inner.right > outer.right + 1;
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) tell("scrolls sideways", root);

  for (const element of document.body.querySelectorAll("*")) {
    if (!shown(element)) continue;
    const scrolls = element.matches(".wide, input, select");
    const cuts = getComputedStyle(element).overflowX !== "visible" && !scrolls;
    if (cuts && element.scrollWidth > element.clientWidth) tell("is cut off", element);
    let block = element;
    while (getComputedStyle(block).display === "inline") block = block.parentElement;
    for (const node of element.childNodes) {
      if (node.nodeType !== Node.TEXT_NODE || !node.data.trim()) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      if (leaves(range.getBoundingClientRect(), block.getBoundingClientRect())) tell("leaves its box", element);
    }
  }

  for (const control of document.querySelectorAll("a, button, input:not([type=hidden]), select, summary")) {
    if (!shown(control)) continue;
    if (tablesScroll) control.scrollIntoView();
    const view = control.closest(".wide") ?? root;
    if (leaves(control.getBoundingClientRect(), view.getBoundingClientRect())) tell("is outside", control);
    control.scrollIntoView({block: "center"});
    const {left, top, width, height} = control.getClientRects()[0];
    const met = document.elementFromPoint(left + width / 2, top + height / 2);
    if (!met || !control.contains(met) && !met.contains(control)) tell("is covered", control);
  }
  return found;
}
