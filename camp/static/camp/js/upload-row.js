// One file on its way to the server by tus, with its row of the list; for upload.js.
// What a lost line cuts off is tried again until it works, from where it stopped: but never
// before the bytes that the server has were compared with those of the file.
(() => {
  const { fill, inUnits, percent, progress, sha256, Speed } = window.campUpload;
  const { NotLoggedIn, OUT } = window.campAccount;
  const DELAYS = [0, 1000, 2000, 5000, 10000, 20000, 30000, 60000]; // ms
  // So small a file comes whole with the request that begins it (files/uploads/resumable.py).
  const SMALL = 256 * 1024; // bytes
  const STALLED = 60000; // ms without a byte, after which the line counts as lost
  const TELL_FROM = 4000; // ms that an upload takes before its half is worth telling
  // Answers of a server, or of one in front of it, that is back in a moment.
  const LOST = [0, 408, 409, 502, 503, 504];
  // What was refused for its size or name is refused again.
  const FINAL = [400, 413];
  const OVER = [404, 410];
  const FORBIDDEN = 403;
  const DIFFERS = "differs"; // in place of a status: the server has bytes of another file
  const DIGEST = /sha-256=:([^:]*):/; // RFC 9530
  const BUTTONS = {
    waiting: ["pause", "cancel"],
    running: ["pause", "cancel"],
    lost: ["retry", "cancel"],
    paused: ["resume", "cancel"],
    failed: ["retry", "dismiss"],
    cancelled: ["retry", "dismiss"],
    done: [],
  };
  const ACTIONS = ["pause", "resume", "retry", "cancel", "dismiss"];

  const pathOf = (address) => new URL(address, location.href).pathname;

  // By its key a small file is known again if only the answer to it is lost.
  const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

  class Row {
    constructor(panel, { file, path }) {
      this.panel = panel;
      this.file = file;
      this.path = path;
      this.url = null;
      this.others = new Set(); // uploads that are known to be of another file
      this.key = newKey();
      this.sent = 0;
      this.tries = 0;
      this.forbidden = false; // since the last byte that was taken
      this.needsLogin = false;
      this.speed = new Speed();
      const row = panel.template.content.cloneNode(true);
      this.element = row.querySelector("li");
      this.part = (name) => this.element.querySelector(`[data-upload-${name}]`);
      this.part("name").textContent = file.name;
      this.part("path").textContent = path;
      this.part("path").hidden = !path;
      this.part("bar").setAttribute("aria-label", file.name);
      for (const name of ACTIONS) {
        const button = this.part(name);
        button.setAttribute("aria-label", `${button.textContent.trim()}: ${file.name}`);
        button.addEventListener("click", () => this.act(name));
      }
      panel.list.append(row);
    }

    text(name, values = {}) {
      return fill(this.panel.form.dataset[name], { name: this.file.name, ...values });
    }

    say(text) {
      this.part("state").textContent = text;
    }

    enter(state, text) {
      this.state = state;
      this.part("login").hidden = true;
      for (const name of ACTIONS) this.part(name).hidden = !BUTTONS[state].includes(name);
      this.part("bar").hidden = ["failed", "cancelled", "done"].includes(state);
      if (text) this.say(text);
      this.panel.changed();
    }

    // What was pressed may be gone now: its successor is the next to be pressed.
    act(name) {
      const focused = this.element.contains(document.activeElement);
      this[name]();
      if (focused) this.element.querySelector("button:not([hidden])")?.focus();
    }

    wait() {
      this.panel.queue.push(this);
      this.enter("waiting", this.text("textWaiting"));
    }

    resume() {
      this.panel.account.renew();
      this.wait();
    }

    retry() {
      if (!this.needsLogin) this.panel.account.renew();
      this.needsLogin = this.forbidden = false;
      this.tries = 0;
      this.wait();
    }

    // Begin, or go on where the server says that it stopped.
    async start() {
      this.stop();
      this.enter("running");
      const turn = (this.turn = {});
      try {
        await this.panel.checkAccount();
        this.url ||= this.begunEarlier(await this.panel.unfinished());
      } catch (error) {
        if (this.turn === turn) this.cannotStart(error);
        return;
      }
      if (this.turn !== turn) return;
      this.creating = !this.url;
      const upload = (this.tus = new tus.Upload(this.file, {
        endpoint: this.panel.form.dataset.endpoint,
        uploadUrl: this.url,
        metadata: this.metadata(),
        headers: this.panel.account.headers,
        // tus-js-client has no bytes to send for an empty file, and fails.
        uploadDataDuringCreation: !this.url && this.file.size > 0 && this.file.size <= SMALL,
        retryDelays: null, // see `lose`
        storeFingerprintForResuming: false, // the server knows what is unfinished
        onBeforeRequest: (request) => this.asked(request),
        onAfterResponse: (request, response) => this.answered(request, response, turn),
        onUploadUrlAvailable: () => this.begun(upload, turn),
        onProgress: (sent) => this.turn === turn && this.progress(sent),
        onSuccess: ({ lastResponse }) => this.done(lastResponse),
        onError: (error) => this.turn === turn && this.refused(error),
      }));
      if (!this.tries) this.panel.announce(this.text("textAnnounceStart"));
      this.tus.start();
    }

    cannotStart(error) {
      if (!(error instanceof NotLoggedIn)) return this.lose();
      this.fail(error.message, true);
      this.needsLogin = true;
      this.part("login").hidden = error.reason !== OUT;
    }

    // The server has made the upload. Whoever paused or cancelled it meanwhile could not say
    // so before, and it must not lie there unknown.
    begun(upload, turn) {
      const wanted = this.turn === turn;
      if (wanted) this.creating = false;
      else upload.abort();
      if (wanted || (!this.url && ["paused", "waiting"].includes(this.state))) this.url = upload.url;
      else if (upload.url !== this.url) this.panel.giveUp(upload.url);
      this.panel.changed();
    }

    // By these a file that is chosen again is known; the server stores only the name and type.
    metadata() {
      const about = { filename: this.file.name, modified: this.file.lastModified };
      if (this.file.type) about.filetype = this.file.type;
      if (this.file.size <= SMALL) about.key = this.key;
      if (this.path) about.path = this.path;
      if (this.panel.session) about.session = this.panel.session;
      if (this.panel.replaces) about.replaces = this.panel.replaces;
      return about;
    }

    // Return the address of an upload of this very file among those that are unfinished.
    begunEarlier(uploads) {
      const mine = this.metadata();
      const same = ({ url, size, metadata }) =>
        size === this.file.size &&
        metadata.filename === mine.filename &&
        metadata.modified === String(mine.modified) &&
        (!mine.path || !metadata.path || metadata.path === mine.path) &&
        (!mine.session || metadata.session === mine.session) &&
        metadata.replaces === mine.replaces &&
        !this.others.has(pathOf(url)) &&
        !this.panel.holds(url);
      return uploads.find(same)?.url ?? null;
    }

    asked(request) {
      if (request.getMethod() === "HEAD") request.setHeader("Want-Repr-Digest", "sha-256=1");
      if (request.getMethod() !== "PATCH") return;
      const offset = Number(request.getHeader("Upload-Offset"));
      if (offset > this.offset) {
        this.tries = 0;
        this.forbidden = false;
      }
      this.offset = offset;
    }

    // After any answer to HEAD that is no success tus-js-client begins at the first byte, and
    // after a success it goes on from that offset, without another look at what is before it.
    async answered(request, response, turn) {
      const status = response.getStatus();
      if (request.getMethod() !== "HEAD" || OVER.includes(status)) return;
      const stop = (reason) => {
        throw Object.assign(new Error(), { status: reason });
      };
      if (status >= 300) stop(status);
      const offset = Number(response.getHeader("Upload-Offset"));
      if (!offset) return;
      this.say(this.text("textComparing"));
      const digest = DIGEST.exec(response.getHeader("Repr-Digest") || "")?.[1];
      const own = await sha256(this.file, offset, () => this.turn === turn);
      if (own !== digest) stop(DIFFERS);
    }

    // Leave to the other file what is there of it, and begin anew.
    begin() {
      this.others.add(pathOf(this.url));
      this.url = null;
      this.sent = 0;
      this.part("note").textContent = this.text("textDiffers");
      this.part("note").hidden = false;
      this.panel.announce(this.text("textDiffers"));
      this.panel.stale = true;
      this.panel.forget();
      this.start();
    }

    progress(sent) {
      this.sent = sent;
      this.speed.take(sent);
      const share = sent / this.file.size;
      this.part("bar").value = share;
      clearTimeout(this.watch);
      if (share < 1) {
        this.say(progress(this.panel.form.dataset, sent, this.file.size, this.speed.value));
        this.watch = setTimeout(() => this.lose(), STALLED);
      } else {
        this.say(this.text("textStoring"));
      }
      if (!this.half && share >= 0.5 && this.speed.lasted > TELL_FROM) {
        this.half = true;
        this.panel.announce(this.text("textAnnounceHalf", { percent: percent(share) }));
      }
      this.panel.progressed();
    }

    done(response) {
      const address = response.getHeader("Camp-File");
      this.stop(); // which empties the response
      this.sent = this.file.size;
      if (address) this.part("name").href = address;
      this.panel.announce(this.text("textAnnounceDone"));
      this.panel.stale = true;
      this.enter("done", `${this.text("textDone")} · ${inUnits(this.file.size)}`);
      if (address && this.panel.replaces) location.assign(address);
    }

    refused(error) {
      const response = error.originalResponse;
      const status = response?.getStatus() ?? error.causingError?.status ?? 0;
      if (status === DIFFERS) this.begin();
      else if (LOST.includes(status)) this.lose();
      else if (status === FORBIDDEN && !this.forbidden) {
        // Perhaps only the token is old, after another log-in: `start` asks for a new one.
        this.forbidden = true;
        this.panel.account.renew();
        this.start();
      } else this.fail(this.reason(status, response), !FINAL.includes(status));
    }

    // Tus answers in plain text, pages that were asked for JSON in that.
    reason(status, response) {
      const type = response?.getHeader("Content-Type") || "";
      const body = response?.getBody() || "";
      if (type.startsWith("text/plain") && body.trim()) return body.trim();
      try {
        return JSON.parse(body).error || this.text("textFailed");
      } catch {
        return this.text(status === 403 ? "textLoggedOut" : "textFailed");
      }
    }

    // Wait a little and go on; a changed file must not be sent half old and half new.
    lose() {
      this.stop();
      this.enter("lost", `${this.text("textLost")} ${this.text("textAgain")}`);
      if (this.tries === 1) this.panel.announce(this.text("textLost"));
      const delay = DELAYS[Math.min(this.tries, DELAYS.length - 1)];
      this.tries += 1;
      this.panel.account.renew();
      this.timer = setTimeout(() => this.start(), delay);
      if (!this.url) this.panel.forget();
      const unreadable = () => this.state === "lost" && this.fail(this.text("textUnreadable"), false);
      this.file.slice(0, 1).arrayBuffer().catch(unreadable);
    }

    fail(reason, again) {
      this.stop();
      this.enter("failed", reason);
      this.part("retry").hidden = !again;
      this.panel.announce(this.text("textAnnounceFailed", { reason }));
    }

    pause() {
      this.leave();
      this.enter("paused", `${this.text("textPaused")} · ${this.soFar()}`);
      this.panel.announce(this.text("textAnnouncePaused"));
    }

    soFar() {
      return progress(this.panel.form.dataset, this.sent, this.file.size, 0);
    }

    cancel() {
      this.leave();
      if (this.url) this.panel.giveUp(this.url);
      this.url = null;
      this.sent = 0;
      this.part("bar").value = 0;
      this.enter("cancelled", this.text("textCancelled"));
      this.panel.announce(this.text("textCancelled"));
    }

    dismiss() {
      const next = this.element.nextElementSibling || this.element.previousElementSibling;
      const button = next?.querySelector("button:not([hidden])");
      this.panel.remove(this);
      (button || this.panel.input).focus();
    }

    // Stop, but let the server answer where it is about to make the upload; see `begun`.
    leave() {
      if (this.creating) this.tus = null;
      this.stop();
    }

    stop() {
      this.turn = null;
      this.creating = false;
      this.tus?.abort();
      clearTimeout(this.timer);
      clearTimeout(this.watch);
      this.speed = new Speed();
    }
  }

  Object.assign(window.campUpload, { pathOf, Row });
})();
