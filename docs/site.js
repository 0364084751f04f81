// What the theme leaves out: a name for its search dialog, and a way to scroll wide code and tables by keyboard.
document.querySelector("[data-md-component=search]")?.setAttribute("aria-label", "Search");

function reach() {
  for (const it of document.querySelectorAll("pre > code, .md-typeset__scrollwrap")) {
    it.toggleAttribute("tabindex", it.scrollWidth > it.clientWidth);
    if (it.hasAttribute("tabindex")) it.tabIndex = 0;
  }
}

addEventListener("load", reach);
addEventListener("resize", reach);
