// Select rows of a list ([form=selection][name=id]) for form[data-selection]: ranges with Shift, all
// with Ctrl+A; j and k move, x selects, Delete deletes.
import { pageData } from "./page-data.js";
import { isTyping } from "./typing.js";

const getBoxes = () => [...document.querySelectorAll("[form=selection][name=id]")];
const getForm = () => document.querySelector("form[data-selection]");
const getActiveRow = () => document.activeElement.closest(".list__item");
let lastClicked = null;

const update = () => {
  const form = getForm();
  if (!form) return;
  const all = form.querySelector("[data-selection-all]").checked;
  const boxes = getBoxes();
  const count = boxes.filter((box) => box.checked).length;
  const n = new Intl.NumberFormat(document.documentElement.lang).format(count);
  const status = form.querySelector("[data-selection-count]");
  status.hidden = all || !count;
  status.textContent = pageData("selection-count").replace("{n}", n);
  form.toggleAttribute("data-active", Boolean(count) && !all);
  for (const button of form.querySelectorAll("button")) button.disabled = !all && !count;
  for (const box of boxes) box.disabled = all;
};

const check = (boxes, checked) => {
  for (const box of boxes) box.checked = checked;
  update();
};

const move = (step) => {
  const boxes = getBoxes();
  const row = getActiveRow();
  const current = boxes.findIndex((box) => box.closest(".list__item") === row);
  const next = current < 0 && step < 0 ? boxes.length - 1 : current + step;
  boxes[Math.max(0, Math.min(boxes.length - 1, next))].focus();
};

document.addEventListener("click", (event) => {
  const box = event.target.closest("[form=selection][name=id]");
  if (!box) return;
  const boxes = getBoxes();
  const [from, to] = [boxes.indexOf(lastClicked), boxes.indexOf(box)];
  if (event.shiftKey && from >= 0) {
    check(boxes.slice(Math.min(from, to), Math.max(from, to) + 1), box.checked);
  }
  lastClicked = box;
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[form=selection][name=id], [data-selection-all]")) update();
});

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  x: () => getActiveRow()?.querySelector("[form=selection][name=id]")?.click(),
  Escape: () => check(getBoxes(), false),
  // A disabled button ignores the click.
  Delete: () => getForm()?.querySelector("[data-selection-delete]")?.click(),
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || isTyping(event.target)) return;
  const boxes = getBoxes();
  if (!boxes.length) return;
  if (document.querySelector("dialog[open], details[data-menu][open]")) return;
  const all = (event.ctrlKey || event.metaKey) && event.key === "a";
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (!all && !(plain && event.key in KEYS)) return;
  if (event.key !== "Escape") event.preventDefault();
  if (all) check(boxes, true);
  else KEYS[event.key]();
});

// An upload replaces the list, and going back restores the boxes without an event.
const hasBoxes = (node) => node.querySelector?.("[form=selection][name=id]");
new MutationObserver((changes) => {
  if (changes.some(({ addedNodes }) => [...addedNodes].some(hasBoxes))) update();
}).observe(document.querySelector("main"), { childList: true, subtree: true });
window.addEventListener("pageshow", update);
update();
