// After an @ in the text of a message: a list of the people in the session whose names begin with
// what follows.
import { pageData } from "./page-data.js";

const field = document.querySelector("#compose [data-compose-text]");
const list = document.getElementById("mention-list");
const names = document.getElementById("people-names") ? pageData("people-names") : [];
const TYPED = /(?:^|[^0-9A-Za-z_.+-])[@\uff20]([\p{L}\p{N}\p{M}_.+-]{0,50})$/u;
const MOST = 8;
const fold = (text) => text.normalize("NFKC").toLowerCase();
let typed = "";
let active = 0;

const close = () => {
  list.hidden = true;
  list.replaceChildren();
  field.removeAttribute("aria-activedescendant");
};

const choose = (name) => {
  const end = field.selectionStart;
  field.setRangeText(`${name} `, end - typed.length, end, "end");
  close();
  field.dispatchEvent(new Event("input", { bubbles: true }));
};

const activate = (index) => {
  active = (index + list.children.length) % list.children.length;
  for (const [at, option] of [...list.children].entries()) {
    option.setAttribute("aria-selected", at === active);
  }
  field.setAttribute("aria-activedescendant", list.children[active].id);
};

const makeOption = (name, index) => {
  const option = document.createElement("li");
  Object.assign(option, { id: `mention-${index}`, role: "option", dir: "auto", textContent: name });
  // Before the text loses the focus.
  option.addEventListener("mousedown", (event) => {
    event.preventDefault();
    choose(name);
  });
  return option;
};

const update = () => {
  const match = field.selectionStart === field.selectionEnd &&
    TYPED.exec(field.value.slice(0, field.selectionStart));
  typed = match ? match[1] : "";
  const found = match ? names.filter((name) => fold(name).startsWith(fold(typed))) : [];
  if (!found.length || (found.length === 1 && found[0] === typed)) {
    close();
    return;
  }
  list.replaceChildren(...found.slice(0, MOST).map(makeOption));
  list.hidden = false;
  activate(0);
};

const onKey = {
  ArrowDown: () => activate(active + 1),
  ArrowUp: () => activate(active - 1),
  Enter: () => choose(list.children[active].textContent),
  Tab: () => choose(list.children[active].textContent),
  Escape: close,
};

if (field && list && names.length) {
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-controls", list.id);
  field.addEventListener("input", update);
  field.addEventListener("click", update);
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing || event.keyCode === 229) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || !(event.key in onKey)) return;
    event.preventDefault();
    onKey[event.key]();
  });
}
