// The menu of a row exists once, in template[data-row-menu]: each row of the list gets a button,
// and the menu while it is open. The addresses in it are those of row 0.
const ROWS = ".list--rows > .list__item:not(:has(> .menu))";

const fill = (panel, id) => {
  for (const link of panel.querySelectorAll("a")) {
    link.setAttribute("href", link.getAttribute("href").replace("/0/", `/${id}/`));
  }
  for (const button of panel.querySelectorAll("[formaction]")) {
    button.setAttribute("formaction", button.getAttribute("formaction").replace("/0/", `/${id}/`));
  }
  return panel;
};

const addMenu = (row, template) => {
  const [menu, panel] = template.content.cloneNode(true).children;
  const title = row.querySelector(".list__title[id]");
  menu.querySelector("summary").setAttribute("aria-labelledby", `more ${title.id}`);
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
