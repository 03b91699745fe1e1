// The menu of rows exists once, in template[data-row-menu], which names their selector: each row
// gets a button that opens it, and the menu while it is open. The button takes the place of the
// links in [data-menu-link], whose words are the items with [data-menu-action] that the row has,
// without words all. The URLs in the template are those of row 0.
const OWN_NUMBER = /(\/|\?reply=)0(?=\/\w*\/?(#\w*)?$|#)/;

const fill = (panel, number, actions) => {
  for (const item of panel.querySelectorAll("[data-menu-action]")) {
    if (actions && !actions.split(" ").includes(item.dataset.menuAction)) item.remove();
  }
  for (const name of ["href", "formaction"]) {
    for (const item of panel.querySelectorAll(`[${name}]`)) {
      item.setAttribute(name, item.getAttribute(name).replace(OWN_NUMBER, `$1${number}`));
    }
  }
  return panel;
};

const addMenu = (row, template) => {
  const [menu, panel] = template.content.cloneNode(true).children;
  const title = row.querySelector("[id]");
  const summary = menu.querySelector("summary");
  summary.id = `more-${title.id}`;
  summary.setAttribute("aria-labelledby", `${summary.id} ${title.id}`);
  menu.addEventListener("toggle", () => {
    if (menu.open) menu.append(fill(panel, title.id.match(/\d+$/)[0], actions));
    else panel.remove();
  });
  const link = row.querySelector("[data-menu-link]");
  const actions = link?.dataset.menuLink;
  if (link) link.replaceWith(menu);
  else row.append(menu);
  // A tooltip: the name for screen readers is not shown.
  const download = row.querySelector("[download]");
  if (download) download.title = document.getElementById("download").textContent;
};

const addMenus = () => {
  for (const template of document.querySelectorAll("template[data-row-menu]")) {
    const rows = `${template.dataset.rowMenu}:not(:has(> .menu))`;
    for (const row of document.querySelectorAll(rows)) addMenu(row, template);
  }
};

// An upload replaces the list.
new MutationObserver(addMenus).observe(document.querySelector("main"), {
  childList: true,
  subtree: true,
});
addMenus();
