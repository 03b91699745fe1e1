// Buttons that copy an address: that in data-copy-address, or that of the page.
import { copyText } from "./clipboard.js";

for (const button of document.querySelectorAll("[data-copy-address]")) {
  const status = button.parentElement.querySelector("[role=status]");
  const copied = button.parentElement.querySelector("template").content.textContent;
  const address = button.dataset.copyAddress || location.href;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await copyText(address);
      status.textContent = copied;
    } catch {
      status.textContent = address;
    }
    button.focus();
  });
}
