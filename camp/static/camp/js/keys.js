// Keyboard shortcuts of every page: "?" opens the help (dialog[data-keys], which the admin does not
// have), "/" focuses the search of the page, or else goes to the search of files.
import { isTyping } from "./typing.js";

const dialog = document.querySelector("dialog[data-keys]");
const SEARCH = "#search";

const findSearch = () =>
  document.querySelector("main input[type=search]") ??
  document.querySelector("input[type=search]");

const search = () => {
  const field = findSearch();
  const elsewhere = document.querySelector("a[data-search]");
  if (field) field.focus();
  else if (elsewhere) location.assign(elsewhere.href + SEARCH);
  return Boolean(field || elsewhere);
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || isTyping(event.target)) return;
  if (event.ctrlKey || event.metaKey || event.altKey || dialog?.open) return;
  if (event.key === "?" && dialog) dialog.showModal();
  else if (event.key !== "/" || !search()) return;
  event.preventDefault();
});

for (const button of document.querySelectorAll("[data-keys-open]")) {
  button.addEventListener("click", () => dialog.showModal());
}

if (location.hash === SEARCH) findSearch()?.focus();
