// The upload form (form[data-upload]): files that are chosen, dropped or pasted are uploaded by
// tus, some at a time, with progress, pause and cancel. Without this script it is a plain form.
import { Account } from "./account.js";
import { pageData } from "./page-data.js";
import { Batch } from "./upload-batch.js";
import { ACCOUNT_ID, config, text } from "./upload-config.js";
import { onChoose, onChooseFolder, onDropOrPaste } from "./upload-files.js";
import { formatNumber, formatProgress } from "./upload-format.js";
import { isSameUrl, isSupported, Row, terminate } from "./upload-row.js";

const CONCURRENCY = 3;
const ACTIVE = ["running", "lost"];
const BUSY = ["waiting", ...ACTIVE];
const OPEN = ["paused", ...BUSY];
const COUNTED = ["done", ...OPEN];

// The form with its list of rows and the queue of those that wait.
class Panel {
  constructor(form) {
    const part = (name) => form.querySelector(`[data-upload-${name}]`);
    const field = (name) => form.querySelector(`input[name="${name}"]`)?.value;
    this.part = part;
    this.input = form.querySelector("input[type='file']");
    this.list = part("rows").querySelector("ul");
    this.template = part("row");
    this.session = field("session");
    this.replaces = field("replaces"); // the file that gets new content; then one is enough
    this.account = new Account(config);
    this.rows = new Set();
    this.queue = [];
    this.isStale = false; // the page's lists of files

    part("button").hidden = true;
    // The browser's own control would always say "No file chosen", in the browser's language.
    part("zone").classList.add("dropzone--ready");
    // The browser restores the last choice when a person comes back to the page.
    this.input.value = "";
    const add = (picked) => this.add(picked);
    onChoose(this.input, add);
    onDropOrPaste(part("zone"), add);
    if (!this.replaces) onChooseFolder(part("folder"), add);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("addfiles", ({ detail }) => this.add(detail)); // see compose-pictures.js
    part("pause-all").addEventListener("click", () => this.each(BUSY, "pause"));
    part("resume-all").addEventListener("click", () => this.each(["paused"], "resume"));
    part("cancel-all").addEventListener("click", () => this.each(OPEN, "cancel"));
    window.addEventListener("offline", () => this.each(["running"], "onLost"));
    window.addEventListener("online", () => this.each(["lost"], "start"));
    window.addEventListener("beforeunload", (event) => {
      if (!this.in(BUSY).length) return;
      event.preventDefault();
      event.returnValue = true; // for older browsers
    });
    this.update();
  }

  in(states) {
    return [...this.rows].filter((row) => states.includes(row.state));
  }

  each(states, action) {
    for (const row of this.in(states)) row[action]();
  }

  add(picked) {
    const batch = new Batch(this.account);
    this.account.invalidate();
    for (const { error, ...found } of this.replaces ? picked.slice(0, 1) : picked) {
      const row = new Row(this, batch, found);
      this.rows.add(row);
      if (error) row.fail(text(error), false);
      else if (row.file.size > config.maxSize) row.fail(text("tooLarge"), false);
      else row.wait();
    }
  }

  remove(row) {
    this.rows.delete(row);
    row.element.remove();
    this.update();
  }

  announce(message) {
    this.part("status").textContent = message;
  }

  // Have the server delete an unfinished upload; if that fails, it expires there.
  async giveUp(url) {
    this.account.invalidate();
    try {
      await this.account.check();
      await terminate(url, this.account.headers);
    } catch {
      return;
    }
    this.isStale = true;
    this.update();
  }

  // Resolve once the reader is known to be logged in; then retry what waited for that.
  async checkAccount() {
    await this.account.check();
    for (const row of this.in(["failed"])) if (row.needsLogin) row.retry();
  }

  holds(url) {
    return [...this.rows].some((row) => row.url && isSameUrl(row.url, url));
  }

  // Start and draw once, however many rows changed.
  update() {
    this.updating ??= Promise.resolve().then(() => {
      this.updating = null;
      this.startNext();
      this.draw();
      if (this.isStale && !this.in(BUSY).length) this.refresh();
    });
  }

  startNext() {
    this.queue = this.queue.filter((row) => row.state === "waiting");
    let free = CONCURRENCY - this.in(ACTIVE).length;
    while (free-- > 0 && this.queue.length) this.queue.shift().start();
  }

  draw() {
    const [open, busy] = [this.in(OPEN).length, this.in(BUSY).length];
    this.part("rows").hidden = !this.rows.size;
    this.part("total").hidden = !open || this.in(COUNTED).length < 2;
    this.part("pause-all").hidden = !busy;
    this.part("resume-all").hidden = busy || !open;
    this.drawUnfinished();
    this.drawTotal();
  }

  // The server's list of unfinished uploads leaves out those that have a row here.
  drawUnfinished() {
    const section = document.querySelector("[data-unfinished-section]");
    if (!section) return;
    const items = [...section.querySelectorAll("[data-unfinished]")];
    for (const item of items) item.hidden = this.holds(item.dataset.unfinished);
    section.hidden = items.every((item) => item.hidden);
    for (const button of section.querySelectorAll("[data-unfinished-choose]")) {
      button.hidden = false;
      button.onclick = () => this.input.click();
    }
  }

  drawTotal() {
    if (this.part("total").hidden) return;
    const rows = this.in(COUNTED);
    const sum = (of) => rows.reduce((total, row) => total + of(row), 0);
    const [sent, size] = [sum((row) => row.sent), sum((row) => row.file.size)];
    const done = formatNumber(this.in(["done"]).length);
    const files = text("files", { done, count: formatNumber(rows.length) });
    const progress = formatProgress(sent, size, sum((row) => row.speed.value));
    this.part("total-state").textContent = `${files} · ${progress}`;
    this.part("total-bar").value = size ? sent / size : 0;
  }

  // Fetch this page again, and replace its lists.
  async refresh() {
    const lists = [...document.querySelectorAll("[data-upload-refresh]")];
    if (!lists.length) return;
    this.isStale = false;
    const done = this.in(["done"]);
    try {
      const response = await fetch(location.href, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      // After another log-in the lists belong to somebody else.
      if (pageData(ACCOUNT_ID, page).id !== config.account.id) return;
      for (const list of lists) {
        const fresh = page.querySelector(`[data-upload-refresh="${list.dataset.uploadRefresh}"]`);
        // A person who is typing or choosing in a list is not interrupted.
        if (!fresh || list.contains(document.activeElement)) continue;
        list.replaceChildren(...fresh.childNodes);
        // The list of files has the uploaded ones now.
        if ("uploadFiles" in list.dataset) done.forEach((row) => this.remove(row));
      }
    } catch {
      return;
    }
    this.update();
  }
}

if (isSupported) new Panel(document.querySelector("form[data-upload]"));
