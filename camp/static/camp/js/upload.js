// Uploading (form[data-upload]): files that are chosen, dropped or pasted go up by tus, some
// at a time, with progress, pause and cancel. A file that is chosen again goes on where it
// stopped. The form's data-text-* attributes hold the sentences; without the scripts it is
// a plain form.
(() => {
  if (!window.tus?.isSupported) return;
  const { fill, listen, number, pathOf, progress, Row, take, takeFolders } = window.campUpload;
  const AT_ONCE = 3;
  const PATIENCE = 15000; // ms for the list of unfinished uploads
  const ACTIVE = ["running", "lost"];
  const BUSY = ["waiting", ...ACTIVE];
  const OPEN = ["paused", ...BUSY];
  const COUNTED = ["done", ...OPEN];

  // "key base64,key base64" as tus has it, to {key: text}.
  const decoded = (metadata) => {
    const pairs = metadata.split(",").map((pair) => pair.trim().split(" "));
    const text = (value) =>
      new TextDecoder().decode(Uint8Array.from(atob(value || ""), (each) => each.charCodeAt(0)));
    return Object.fromEntries(pairs.map(([key, value]) => [key, text(value)]));
  };

  // A form with its list and its queue.
  class Panel {
    constructor(form) {
      const part = (name) => form.querySelector(`[data-upload-${name}]`);
      const field = (name) => form.querySelector(`input[name="${name}"]`)?.value;
      this.form = form;
      this.part = part;
      this.input = form.querySelector("input[type='file']");
      this.zone = part("zone");
      this.list = part("rows").querySelector("ul");
      this.template = part("row");
      this.session = field("session");
      this.replaces = field("replaces"); // the file that gets a new content; then one will do
      this.account = new window.campAccount.Account(form);
      this.limit = Number(form.dataset.maxSize);
      this.rows = new Set();
      this.queue = [];
      this.stale = false; // the lists of the page

      part("button").hidden = true;
      part("hint").hidden = false;
      // The browser's own control says "no file chosen" for ever, in the browser's language.
      this.zone.classList.add("dropzone--ready");
      part("label").className = "button button--primary";
      // A page that was left half-way must not send the old choice again.
      this.input.value = "";
      take(this.input, (picked) => this.add(picked));
      if (!this.replaces) takeFolders(part("folder"), (picked) => this.add(picked));
      form.addEventListener("submit", (event) => event.preventDefault());
      part("pause-all").addEventListener("click", () => this.all(BUSY, "pause"));
      part("resume-all").addEventListener("click", () => this.all(["paused"], "resume"));
      part("cancel-all").addEventListener("click", () => this.all(OPEN, "cancel"));
      this.changed();
    }

    in(states) {
      return [...this.rows].filter((row) => states.includes(row.state));
    }

    add(picked) {
      this.forget();
      this.account.renew();
      for (const { error, ...found } of this.replaces ? picked.slice(0, 1) : picked) {
        const row = new Row(this, found);
        this.rows.add(row);
        if (error) row.fail(this.form.dataset[error], false);
        else if (row.file.size > this.limit) row.fail(this.form.dataset.textTooLarge, false);
        else row.wait();
      }
    }

    all(states, action) {
      for (const row of this.in(states)) row[action]();
    }

    remove(row) {
      this.rows.delete(row);
      row.element.remove();
      this.changed();
    }

    announce(text) {
      this.part("status").textContent = text;
    }

    // Have the server forget what it has of an upload; if it cannot be told, it will by itself.
    giveUp(url) {
      const terminate = () =>
        tus.Upload.terminate(url, { headers: this.account.headers, retryDelays: null });
      const after = () => {
        this.stale = true;
        this.changed();
      };
      this.account.renew();
      this.account.check().then(terminate).then(after, () => {});
    }

    // Resolve once the reader is known to be logged in; what was refused for that goes on, too.
    async checkAccount() {
      await this.account.check();
      for (const row of this.in(["failed"])) if (row.needsLogin) row.retry();
    }

    // What the server has of uploads that stopped, most bytes first; asked once for all that
    // was added.
    unfinished() {
      this.known ??= this.askUnfinished();
      return this.known;
    }

    async askUnfinished() {
      const signal = AbortSignal.timeout?.(PATIENCE);
      const answer = await fetch(this.form.dataset.unfinishedList, {
        headers: this.account.headers,
        signal,
      });
      if (answer.status >= 500) throw new Error(answer.statusText);
      // Whoever is logged out hears of it when the upload begins.
      if (answer.redirected || !answer.ok) return [];
      const { uploads } = await answer.json();
      const decode = (each) => ({ ...each, metadata: decoded(each.metadata) });
      return uploads.map(decode).sort((one, other) => other.offset - one.offset);
    }

    forget() {
      this.known = null;
    }

    // Whether an upload is one of this page's.
    holds(address) {
      return [...this.rows].some((row) => row.url && pathOf(row.url) === pathOf(address));
    }

    // Whoever changed, and however many: look once.
    changed() {
      this.looking ??= Promise.resolve().then(() => {
        this.looking = null;
        this.next();
        this.draw();
        if (this.stale && !this.in(BUSY).length) this.refresh();
      });
    }

    next() {
      this.queue = this.queue.filter((row) => row.state === "waiting");
      let free = AT_ONCE - this.in(ACTIVE).length;
      while (free-- > 0 && this.queue.length) this.queue.shift().start();
    }

    draw() {
      const [open, busy] = [this.in(OPEN).length, this.in(BUSY).length];
      this.part("rows").hidden = !this.rows.size;
      this.part("total").hidden = !open || this.in(COUNTED).length < 2;
      this.part("pause-all").hidden = !busy;
      this.part("resume-all").hidden = busy || !open;
      this.drawUnfinished();
      this.progressed();
    }

    // What goes on in this page has its row above.
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

    progressed() {
      if (this.part("total").hidden) return;
      const rows = this.in(COUNTED);
      const sum = (of) => rows.reduce((total, row) => total + of(row), 0);
      const [sent, size] = [sum((row) => row.sent), sum((row) => row.file.size)];
      const done = number(this.in(["done"]).length);
      const files = fill(this.form.dataset.textFiles, { done, count: number(rows.length) });
      const text = progress(this.form.dataset, sent, size, sum((row) => row.speed.value));
      this.part("total-state").textContent = `${files} · ${text}`;
      this.part("total-bar").value = size ? sent / size : 0;
    }

    // Fetch this page again and take over its lists, where it has some.
    async refresh() {
      const regions = [...document.querySelectorAll("[data-upload-refresh]")];
      if (!regions.length) return;
      this.stale = false;
      const done = this.in(["done"]);
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        // After another log-in the lists are somebody else's.
        const { account } = page.querySelector("form[data-upload]")?.dataset ?? {};
        if (account !== this.form.dataset.account) return;
        for (const old of regions) {
          const fresh = page.querySelector(`[data-upload-refresh="${old.dataset.uploadRefresh}"]`);
          // Whoever is typing or choosing in a list is not interrupted.
          if (!fresh || old.contains(document.activeElement)) continue;
          old.replaceChildren(...fresh.childNodes);
          // In a list of files they are now.
          if ("uploadFiles" in old.dataset) done.forEach((row) => this.remove(row));
        }
      } catch {
        return;
      }
      this.changed();
    }
  }

  const panels = [...document.querySelectorAll("form[data-upload]")].map((form) => new Panel(form));
  if (!panels.length) return;
  const [panel] = panels;
  listen(panel.zone, (picked) => panel.add(picked));

  const each = (states, act) => panels.forEach((one) => one.in(states).forEach(act));
  window.addEventListener("offline", () => each(["running"], (row) => row.lose()));
  window.addEventListener("online", () => each(["lost"], (row) => row.start()));
  window.addEventListener("beforeunload", (event) => {
    if (!panels.some((one) => one.in(BUSY).length)) return;
    event.preventDefault();
    event.returnValue = true; // older browsers ask only then
  });
})();
