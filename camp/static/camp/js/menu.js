// Menus (details[data-menu]) close on Escape, on a click elsewhere and when another opens.
const OPEN = "details[data-menu][open]";

const closeOthers = (event) => {
  const current = event.target.closest("details[data-menu]");
  for (const menu of document.querySelectorAll(OPEN)) if (menu !== current) menu.open = false;
};

document.addEventListener("click", closeOthers);
document.addEventListener("focusin", closeOthers);
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector(OPEN);
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
