// Choosing rows of a list (input[data-choice]) for the form of the selection: ranges with
// Shift, all with Ctrl+A, moving with j and k, choosing with x, deleting with Delete.
(() => {
  const boxes = () => [...document.querySelectorAll("input[data-choice]")];
  const form = () => document.querySelector("form[data-selection]");
  let last = null;

  const show = () => {
    const bar = form();
    if (!bar) return;
    const all = bar.querySelector("[data-selection-all]").checked;
    const count = boxes().filter((box) => box.checked).length;
    const text = bar.querySelector("[data-selection-count]");
    text.hidden = all || !count;
    bar.toggleAttribute("data-active", Boolean(count) && !all);
    const number = new Intl.NumberFormat(document.documentElement.lang).format(count);
    text.textContent = text.dataset.selectionCount.replace("{n}", number);
    for (const button of bar.querySelectorAll("button")) button.disabled = !all && !count;
    for (const box of boxes()) box.disabled = all;
  };

  const set = (some, checked) => {
    for (const box of some) box.checked = checked;
    show();
  };

  const typing = (target) =>
    target.isContentEditable ||
    target.matches("textarea, select, input:not([type=checkbox], [type=radio])");

  const move = (step) => {
    const all = boxes();
    if (!all.length) return;
    const row = document.activeElement.closest(".list__item");
    const here = all.findIndex((box) => box.closest(".list__item") === row);
    const next = here < 0 ? (step > 0 ? 0 : all.length - 1) : here + step;
    all[Math.max(0, Math.min(all.length - 1, next))].focus();
  };

  document.addEventListener("click", (event) => {
    const box = event.target.closest("input[data-choice]");
    if (!box) return;
    const all = boxes();
    const from = all.indexOf(last);
    if (event.shiftKey && from >= 0) {
      const to = all.indexOf(box);
      set(all.slice(Math.min(from, to), Math.max(from, to) + 1), box.checked);
    }
    last = box;
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-choice], [data-selection-all]")) show();
  });

  const keys = {
    j: () => move(1),
    k: () => move(-1),
    x: () => {
      const row = document.activeElement.closest(".list__item");
      row?.querySelector("input[data-choice]")?.click();
    },
    Escape: () => set(boxes(), false),
    Delete: () => {
      const button = form()?.querySelector("[data-selection-delete]");
      if (button && !button.disabled) button.click();
    },
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || typing(event.target)) return;
    if (!boxes().length) return;
    if (document.querySelector("dialog[open], details[data-menu][open]")) return;
    const all = (event.ctrlKey || event.metaKey) && event.key === "a";
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!all && !(plain && event.key in keys)) return;
    if (event.key !== "Escape") event.preventDefault();
    if (all) set(boxes(), true);
    else keys[event.key]();
  });

  // The list is fetched again after an upload; the browser restores boxes on the way back.
  const brings = (node) => node.querySelector?.("[data-choice]");
  new MutationObserver((changes) => {
    if (changes.some((change) => [...change.addedNodes].some(brings))) show();
  }).observe(document.querySelector("main"), { childList: true, subtree: true });
  window.addEventListener("pageshow", show);
  show();
})();
