// Links with [data-copy-link] copy their address, and then show the text of their [data-copied].
import { copyText } from "./clipboard.js";

document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("[data-copy-link]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  try {
    await copyText(link.href);
    link.querySelector("[aria-live]").textContent =
      link.querySelector("[data-copied]").textContent;
  } catch {
    location.assign(link.href);
  }
  link.focus();
});
