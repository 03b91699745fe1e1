// Links with [data-copy-link] copy their address, and then show the text of that attribute.
import { copyText } from "./clipboard.js";

document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("[data-copy-link]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  try {
    await copyText(link.href);
    link.querySelector("[aria-live]").textContent = link.dataset.copyLink;
  } catch {
    location.assign(link.href);
  }
  link.focus();
});
