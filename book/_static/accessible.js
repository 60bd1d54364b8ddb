// What scrolls sideways can be reached by keyboard, at the widths at which it does scroll.
(() => {
  const wide = "article :is(table, pre, .output, .math, .table-wrapper, .dataframe)";
  const reach = () => {
    for (const region of document.querySelectorAll(wide)) {
      const scrolls =
        region.scrollWidth > region.clientWidth + 1 &&
        /auto|scroll/.test(getComputedStyle(region).overflowX);
      if (scrolls && !region.hasAttribute("tabindex")) {
        region.tabIndex = 0;
        region.dataset.reached = "";
      } else if (!scrolls && "reached" in region.dataset) {
        region.removeAttribute("tabindex");
        delete region.dataset.reached;
      }
    }
  };
  // The title above the table of contents stands in no landmark.
  const home = document.querySelector(".sidebar-primary-item:has(> .navbar-brand)");
  home?.setAttribute("role", "navigation");
  home?.setAttribute("aria-label", "Home");
  reach();
  addEventListener("load", reach);
  addEventListener("resize", reach);
})();
