// Buttons that copy an address: that in data-copy-address, or that of the page.
const copy = async (text) => {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Without HTTPS, as on a local network, browsers offer the older way only.
  const field = Object.assign(document.createElement("textarea"), { value: text, readOnly: true });
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  if (!copied) throw new Error("not copied");
};

for (const button of document.querySelectorAll("[data-copy-address]")) {
  const status = button.parentElement.querySelector("[role=status]");
  const copied = button.parentElement.querySelector("template").content.textContent;
  const address = button.dataset.copyAddress || location.href;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await copy(address);
      status.textContent = copied;
    } catch {
      status.textContent = address;
    }
    button.focus();
  });
}
