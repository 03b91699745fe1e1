// Uploading (form[data-upload]): files that are chosen, dropped or pasted go up two at a
// time, each in a request of its own, with progress, cancel and another try. The form's
// data-text-* attributes hold the sentences; without this script it is a plain form.
(() => {
  const AT_ONCE = 2;
  const SETTLE = 1500; // ms before a speed is worth showing
  const SMOOTH = 4000; // ms over which the speed is averaged
  const UNITS = ["KiB", "MiB", "GiB", "TiB"];
  const language = document.documentElement.lang || undefined;
  const busy = new Set(); // uploads that wait or run

  const number = (value, options) => new Intl.NumberFormat(language, options).format(value);

  const inUnits = (bytes) => {
    if (bytes < 1024) return number(bytes, { style: "unit", unit: "byte", unitDisplay: "long" });
    let unit = -1;
    let amount = bytes;
    do {
      amount /= 1024;
      unit += 1;
    } while (amount >= 1023.5 && unit < UNITS.length - 1);
    return `${number(amount, { maximumFractionDigits: amount < 99.95 ? 1 : 0 })}\u00a0${UNITS[unit]}`;
  };

  const inTime = (seconds) => {
    const [value, unit] =
      seconds < 60
        ? [Math.max(1, Math.ceil(seconds)), "second"]
        : seconds < 3600
          ? [Math.ceil(seconds / 60), "minute"]
          : [Math.ceil(seconds / 3600), "hour"];
    return number(value, { style: "unit", unit, unitDisplay: "long" });
  };

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, key) => values[key] ?? all);

  // One file on its way; `panel` owns the queue and the list.
  class Upload {
    constructor(panel, file) {
      this.panel = panel;
      this.file = file;
      const row = panel.template.content.cloneNode(true);
      this.row = row.querySelector("li");
      this.part = (name) => this.row.querySelector(`[data-upload-${name}]`);
      this.part("name").textContent = file.name;
      this.part("bar").setAttribute("aria-label", file.name);
      for (const button of this.row.querySelectorAll("button")) {
        button.setAttribute("aria-label", `${button.textContent.trim()}: ${file.name}`);
      }
      this.part("cancel").addEventListener("click", () => this.cancel());
      this.part("retry").addEventListener("click", () => this.retry());
      this.part("dismiss").addEventListener("click", () => this.dismiss());
      panel.list.append(row);
      panel.rows.hidden = false;
    }

    text(name, values = {}) {
      return fill(this.panel.form.dataset[name], { name: this.file.name, ...values });
    }

    say(state) {
      this.part("state").textContent = state;
    }

    wait() {
      busy.add(this);
      this.part("bar").hidden = false;
      this.part("bar").value = 0;
      this.buttons("cancel");
      this.say(this.text("textWaiting"));
      this.panel.queue.push(this);
      this.panel.next();
    }

    start() {
      const data = new FormData();
      for (const field of this.panel.form.querySelectorAll("input[type='hidden']")) {
        data.append(field.name, field.value);
      }
      data.append("files", this.file, this.file.name);
      this.request = new XMLHttpRequest();
      this.request.open("POST", this.panel.form.action);
      this.request.setRequestHeader("Accept", "application/json");
      this.request.setRequestHeader("X-CSRFToken", data.get("csrfmiddlewaretoken"));
      this.request.upload.addEventListener("progress", (event) => this.progress(event));
      this.request.addEventListener("load", () => this.loaded());
      this.request.addEventListener("error", () => this.fail(this.text("textLost"), true));
      this.request.addEventListener("timeout", () => this.fail(this.text("textLost"), true));
      this.half = false;
      this.speed = 0;
      this.seen = { time: performance.now(), bytes: 0 };
      this.started = this.seen.time;
      this.panel.announce(this.text("textAnnounceStart"));
      this.request.send(data);
    }

    progress({ loaded, total }) {
      const share = total ? loaded / total : 1;
      this.part("bar").value = share;
      this.measure(loaded);
      if (loaded >= total) {
        this.say(this.text("textStoring"));
        return;
      }
      const size = { done: inUnits(share * this.file.size), size: inUnits(this.file.size) };
      const parts = [this.text("textProgress", size)];
      if (this.speed && performance.now() - this.started > SETTLE) {
        parts.push(this.text("textSpeed", { speed: inUnits(this.speed) }));
        parts.push(this.text("textLeft", { time: inTime((total - loaded) / this.speed) }));
      }
      this.say(parts.join(" · "));
      if (!this.half && share >= 0.5 && performance.now() - this.started > SMOOTH) {
        this.half = true;
        const percent = number(share, { style: "percent" });
        this.panel.announce(this.text("textAnnounceHalf", { percent }));
      }
    }

    // Bytes per second as an average that forgets exponentially.
    measure(bytes) {
      const time = performance.now();
      const passed = time - this.seen.time;
      if (passed < 200) return;
      const now = ((bytes - this.seen.bytes) / passed) * 1000;
      const weight = this.speed ? 1 - Math.exp(-passed / SMOOTH) : 1;
      this.speed += weight * (now - this.speed);
      this.seen = { time, bytes };
    }

    loaded() {
      let answer;
      try {
        answer = JSON.parse(this.request.responseText);
      } catch {
        answer = {};
      }
      const [file] = answer.files || [];
      if (!file) {
        const [error] = answer.errors || [];
        // What was refused for its size or name is refused again.
        const again = ![400, 413].includes(this.request.status);
        this.fail(error?.message || answer.error || this.text("textFailed"), again);
        return;
      }
      this.part("name").textContent = file.name;
      this.part("name").href = file.url;
      this.part("bar").hidden = true;
      this.say(`${this.text("textDone")} · ${inUnits(file.size)}`);
      this.panel.announce(this.text("textAnnounceDone"));
      this.buttons();
      this.end(true);
    }

    fail(reason, again) {
      this.part("bar").hidden = true;
      this.say(reason);
      this.panel.announce(this.text("textAnnounceFailed", { reason }));
      this.buttons("dismiss", again && "retry");
      this.end(false);
    }

    cancel() {
      const waiting = this.panel.queue.indexOf(this);
      if (waiting >= 0) this.panel.queue.splice(waiting, 1);
      this.request?.abort();
      this.part("bar").hidden = true;
      this.say(this.text("textCancelled"));
      this.panel.announce(this.text("textCancelled"));
      this.buttons("retry", "dismiss");
      this.part("retry").focus();
      this.end(false);
    }

    retry() {
      this.wait();
      this.part("cancel").focus();
    }

    dismiss() {
      const next = this.row.nextElementSibling || this.row.previousElementSibling;
      const button = next?.querySelector("button:not([hidden])");
      this.row.remove();
      this.panel.rows.hidden = !this.panel.list.children.length;
      (button || this.panel.input).focus();
    }

    // Show these buttons and no others.
    buttons(...names) {
      for (const name of ["cancel", "retry", "dismiss"]) {
        this.part(name).hidden = !names.includes(name);
      }
    }

    end(stored) {
      this.request = null;
      busy.delete(this);
      this.panel.ended(this, stored);
    }
  }

  // A form with its queue.
  class Panel {
    constructor(form) {
      const part = (name) => form.querySelector(`[data-upload-${name}]`);
      this.form = form;
      this.input = form.querySelector("input[type='file']");
      this.zone = part("zone");
      this.rows = part("rows");
      this.list = this.rows.querySelector("ul");
      this.template = part("row");
      this.status = part("status");
      this.limit = Number(form.dataset.maxSize);
      this.queue = [];
      this.running = new Set();
      this.stored = [];

      part("button").hidden = true;
      part("hint").hidden = false;
      // The browser's own control says "no file chosen" for ever, in the browser's language.
      this.zone.classList.add("dropzone--ready");
      part("label").className = "button button--primary";
      // A page that was left half-way must not send the old choice again.
      this.input.value = "";
      this.input.addEventListener("change", () => {
        this.add([...this.input.files]);
        this.input.value = "";
      });
      form.addEventListener("submit", (event) => event.preventDefault());
    }

    add(files) {
      for (const file of files) {
        const upload = new Upload(this, file);
        if (file.size > this.limit) upload.fail(this.form.dataset.textTooLarge, false);
        else upload.wait();
      }
    }

    next() {
      while (this.running.size < AT_ONCE && this.queue.length) {
        const upload = this.queue.shift();
        this.running.add(upload);
        upload.start();
      }
    }

    ended(upload, stored) {
      this.running.delete(upload);
      if (stored) this.stored.push(upload);
      this.next();
      if (!this.running.size && this.stored.length) this.refresh();
    }

    announce(text) {
      this.status.textContent = text;
    }

    // Fetch this page again and take over its list, where it has one.
    async refresh() {
      const old = document.querySelector("[data-upload-refresh]");
      if (!old) return;
      const done = this.stored;
      this.stored = [];
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.querySelector(`[data-upload-refresh="${old.dataset.uploadRefresh}"]`);
        // Whoever is typing or choosing in the list is not interrupted.
        if (!fresh || old.contains(document.activeElement)) return;
        old.replaceChildren(...fresh.childNodes);
      } catch {
        return;
      }
      for (const upload of done) upload.row.remove();
      this.rows.hidden = !this.list.children.length;
    }
  }

  const panels = [...document.querySelectorAll("form[data-upload]")].map((form) => new Panel(form));
  if (!panels.length) return;
  const [panel] = panels;

  const holdsFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");

  // A folder would arrive as a file that cannot be read.
  const dropped = (transfer) => {
    const items = [...transfer.items].filter((item) => item.kind === "file");
    const folders = items.filter((item) => item.webkitGetAsEntry?.()?.isDirectory);
    return {
      files: items.filter((item) => !folders.includes(item)).map((item) => item.getAsFile()),
      folders: folders.map((item) => item.webkitGetAsEntry()),
    };
  };

  let depth = 0; // dragenter and dragleave come for every element on the way
  const over = (on) => panel.zone.toggleAttribute("data-over", on);

  document.addEventListener("dragenter", (event) => {
    if (!holdsFiles(event)) return;
    depth += 1;
    over(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!holdsFiles(event)) return;
    depth = Math.max(0, depth - 1);
    over(depth > 0);
  });
  document.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    over(false);
    const { files, folders } = dropped(event.dataTransfer);
    panel.add(files.filter(Boolean));
    for (const folder of folders) {
      new Upload(panel, new File([], folder.name)).fail(panel.form.dataset.textFolder, false);
    }
  });

  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files || [])];
    if (!files.length) return;
    // A cell copied from a spreadsheet brings a picture along; in a text field the text is meant.
    const inText = event.target.closest?.("textarea, input, [contenteditable]");
    if (inText && event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    panel.add(files);
  });

  window.addEventListener("beforeunload", (event) => {
    if (!busy.size) return;
    event.preventDefault();
    event.returnValue = true; // older browsers ask only then
  });
})();
