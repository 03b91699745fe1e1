// Keyboard shortcuts of every page: "?" opens the help (dialog[data-keys]), "/" the search.
import { isTyping } from "./typing.js";

const dialog = document.querySelector("dialog[data-keys]");

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || isTyping(event.target)) return;
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
  const search = document.querySelector("main input[type=search]");
  if (event.key === "?") dialog.showModal();
  else if (event.key === "/" && search) search.focus();
  else return;
  event.preventDefault();
});

for (const button of document.querySelectorAll("[data-keys-open]")) {
  button.addEventListener("click", () => dialog.showModal());
}
