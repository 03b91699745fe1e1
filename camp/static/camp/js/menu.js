// Menus (details[data-menu]) close on Escape, on a click elsewhere and when another opens; arrow
// keys move within them.
const OPEN = "details[data-menu][open]";

const closeOthers = (event) => {
  const current = event.target.closest("details[data-menu]");
  for (const menu of document.querySelectorAll(OPEN)) if (menu !== current) menu.open = false;
};

document.addEventListener("click", closeOthers);
document.addEventListener("focusin", closeOthers);
const STEPS = { ArrowDown: 1, ArrowUp: -1 };

document.addEventListener("keydown", (event) => {
  const menu = document.querySelector(OPEN);
  if (!menu) return;
  if (event.key === "Escape") {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (event.key in STEPS && menu.contains(document.activeElement)) {
    const items = [...menu.querySelectorAll("a, button")];
    const current = items.indexOf(document.activeElement);
    const step = current < 0 && event.key === "ArrowUp" ? 0 : STEPS[event.key];
    items.at((current + step) % items.length).focus();
    event.preventDefault();
  }
});
