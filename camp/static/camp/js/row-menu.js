// The menu of a row exists once, in template[data-row-menu]: each row of the list gets a button,
// and the menu while it is open. The addresses in it are those of row 0.
const ROWS = ".list--rows > .list__item:not(:has(> .menu))";

const fill = (panel, id) => {
  for (const name of ["href", "formaction"]) {
    for (const item of panel.querySelectorAll(`[${name}]`)) {
      item.setAttribute(name, item.getAttribute(name).replace("/0/", `/${id}/`));
    }
  }
  return panel;
};

const addMenu = (row, template) => {
  const [menu, panel] = template.content.cloneNode(true).children;
  const title = row.querySelector(".list__title[id]");
  const summary = menu.querySelector("summary");
  summary.setAttribute("aria-labelledby", `more ${title.id}`);
  // Tooltips: the names for screen readers are not shown.
  summary.title = document.getElementById("more").textContent;
  row.querySelector("[download]").title = document.getElementById("download").textContent;
  menu.addEventListener("toggle", () => {
    if (menu.open) menu.append(fill(panel, title.id.slice(1)));
    else panel.remove();
  });
  row.append(menu);
};

const addMenus = () => {
  const template = document.querySelector("template[data-row-menu]");
  if (template) for (const row of document.querySelectorAll(ROWS)) addMenu(row, template);
};

// An upload replaces the list.
new MutationObserver(addMenus).observe(document.querySelector("main"), {
  childList: true,
  subtree: true,
});
addMenus();
