// Messages that wait in this browser until the page of their session is opened (see outbox.js):
// every page tells of them in [data-unsent], and the log-out asks first. What somebody wrote does
// not stay here after the log-out (form[data-log-out], which names the reader), nor when somebody
// else has logged in.
import { pageData } from "./page-data.js";
import { withNumber } from "./plural.js";
import { keysWith, load, save } from "./storage.js";

const WRITTEN = ["camp-draft:", "camp-outbox:"];
const form = document.querySelector("[data-log-out]");
const box = document.querySelector("[data-unsent]");
const user = form?.dataset.logOut;
const texts = pageData("unsent-texts");
const unsent = () =>
  keysWith(`camp-outbox:${user}:`)
    .map((key) => ({ key, ...load(key) }))
    .filter(({ fields }) => fields)
    .sort((a, b) => a.time - b.time);

const forget = (isForgotten) => {
  const keys = WRITTEN.flatMap((prefix) => keysWith(prefix));
  for (const key of keys.filter(isForgotten)) save(key, null);
};

const drawItem = ({ key, fields, page, title, refusal }) => {
  const item = box.querySelector("template").content.cloneNode(true);
  const link = item.querySelector("a");
  if (page) link.href = page; // an older version kept none
  link.textContent = title;
  item.querySelector("textarea").value = fields.content;
  item.querySelector("[data-unsent-reason]").textContent = refusal ?? "";
  item.querySelector("button").addEventListener("click", () => {
    save(key, null);
    draw();
  });
  return item;
};

const draw = () => {
  const { compose } = document.querySelector("form[data-compose]")?.dataset ?? {};
  // Those of this page are on it.
  const isShown = ({ key }) => compose && key.startsWith(`camp-outbox:${user}:${compose}:`);
  const items = unsent().filter((item) => !isShown(item));
  box.querySelector("summary").textContent = withNumber(items.length, ...texts.count);
  box.querySelector("ul").replaceChildren(...items.map(drawItem));
  box.hidden = !items.length;
};

if (form) {
  forget((key) => !WRITTEN.some((prefix) => key.startsWith(`${prefix}${user}:`)));
  form.addEventListener("submit", (event) => {
    const count = unsent().length;
    if (count && !confirm(withNumber(count, ...texts.ask))) event.preventDefault();
    else forget(() => true);
  });
  draw();
  window.addEventListener("storage", draw);
  window.addEventListener("pageshow", (event) => event.persisted && draw());
}
