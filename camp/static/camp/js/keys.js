// Keys for every page: "?" shows what there is (dialog[data-keys]), "/" goes to the search.
(() => {
  const dialog = document.querySelector("dialog[data-keys]");
  if (!dialog) return;

  const typing = (target) =>
    target.isContentEditable ||
    target.matches("textarea, select, input:not([type=checkbox], [type=radio])");

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || typing(event.target)) return;
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
    const search = document.querySelector("main input[type=search]");
    if (event.key === "?") dialog.showModal();
    else if (event.key === "/" && search) search.focus();
    else return;
    event.preventDefault();
  });

  for (const button of document.querySelectorAll("[data-keys-open]")) {
    button.hidden = false;
    button.addEventListener("click", () => dialog.showModal());
  }
})();
