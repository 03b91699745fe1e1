// One file being uploaded by tus, with its row in the list. An interrupted upload is retried
// until it works, and resumes where it stopped once the bytes on the server were compared with
// those of the file.
import "../vendor/tus-js-client/tus.min.js";
import { LOGGED_OUT, NotLoggedIn } from "./account.js";
import { sha256 } from "./sha256.js";
import { config, text } from "./upload-config.js";
import { formatBytes, formatPercent, formatProgress, Speed } from "./upload-format.js";

const { tus } = window;
const RETRY_DELAYS = [0, 1000, 2000, 5000, 10000, 20000, 30000, 60000]; // ms
const STALL_TIMEOUT = 60000; // ms without progress after which the connection counts as lost
const ANNOUNCE_HALF_AFTER = 4000; // ms that an upload takes before its half is announced
const CONNECTION_LOST = [0, 408, 409, 502, 503, 504]; // also from a proxy; worth a retry
const FINAL = [400, 413]; // a wrong name or size stays wrong
const GONE = [404, 410];
const FORBIDDEN = 403;
const DIFFERENT = "different"; // instead of a status: the server has bytes of another file
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
const WITHOUT_BAR = ["failed", "cancelled", "done"];

export const isSupported = tus.isSupported;
export const terminate = (url, headers) =>
  tus.Upload.terminate(url, { headers, retryDelays: null });
export const isSameUrl = (a, b) =>
  new URL(a, location.href).pathname === new URL(b, location.href).pathname;

export class Row {
  constructor(panel, batch, { file, path, onDone, onFail }) {
    this.panel = panel;
    this.batch = batch;
    this.position = batch.rows.push(this) - 1;
    this.file = file;
    this.path = path;
    this.found = { onDone, onFail }; // called with the URL of the file, or the reason
    this.url = null;
    this.differing = []; // URLs of uploads known to be of another file
    // Identifies a single-request upload that is sent again because its response was lost.
    this.key = crypto.getRandomValues(new Uint32Array(4)).join("-");
    this.isSmall = file.size <= config.singleRequestSize;
    this.sent = 0;
    this.tries = 0;
    this.wasForbidden = false; // since the last accepted byte
    this.needsLogin = false;
    this.speed = new Speed();
    const row = panel.template.content.cloneNode(true);
    this.element = row.querySelector("li");
    this.part = (name) => this.element.querySelector(`[data-upload-${name}]`);
    this.part("name").textContent = file.name;
    this.part("path").textContent = path;
    this.part("path").hidden = !path;
    this.part("bar").setAttribute("aria-label", file.name);
    const next = encodeURIComponent(location.pathname + location.search);
    this.part("login").href += `?next=${next}`;
    for (const name of ACTIONS) {
      const button = this.part(name);
      button.setAttribute("aria-label", `${button.textContent.trim()}: ${file.name}`);
      button.addEventListener("click", () => this.press(name));
    }
    panel.list.append(row);
  }

  show(message) {
    this.part("state").textContent = message;
  }

  announce(name, values) {
    this.panel.announce(text(name, { name: this.file.name, ...values }));
  }

  enter(state, message) {
    this.state = this.element.dataset.state = state;
    this.part("login").hidden = true;
    for (const name of ACTIONS) this.part(name).hidden = !BUTTONS[state].includes(name);
    this.part("bar").hidden = WITHOUT_BAR.includes(state);
    if (message) this.show(message);
    this.panel.update();
  }

  // If the pressed button disappears, focus the one that takes its place.
  press(name) {
    const hadFocus = this.element.contains(document.activeElement);
    this[name]();
    if (hadFocus) this.element.querySelector("button:not([hidden])")?.focus();
  }

  wait() {
    this.panel.queue.push(this);
    this.enter("waiting", text("waiting"));
  }

  resume() {
    this.panel.account.invalidate();
    this.wait();
  }

  retry() {
    if (!this.needsLogin) this.panel.account.invalidate();
    this.needsLogin = this.wasForbidden = false;
    this.tries = 0;
    this.wait();
  }

  // Start, or resume at the offset that the server reports.
  async start() {
    this.stop();
    this.enter("running");
    const attempt = (this.attempt = {});
    const isCurrent = () => this.attempt === attempt;
    try {
      await this.panel.checkAccount();
      this.url ||= this.findEarlier(await this.batch.getUnfinished())?.url ?? null;
    } catch (error) {
      if (isCurrent()) this.onCannotStart(error);
      return;
    }
    if (!isCurrent()) return;
    this.isCreating = !this.url;
    const upload = (this.upload = new tus.Upload(this.file, {
      endpoint: config.urls.uploads,
      uploadUrl: this.url,
      metadata: { ...this.metadata(), ...this.batch.metadata(this) },
      headers: this.panel.account.headers,
      // tus-js-client fails on an empty file: it has no bytes to send.
      uploadDataDuringCreation: !this.url && this.file.size > 0 && this.isSmall,
      retryDelays: null, // see onLost
      storeFingerprintForResuming: false, // the server knows what is unfinished
      onBeforeRequest: (request) => this.onRequest(request),
      onAfterResponse: (request, response) => this.onResponse(request, response, isCurrent),
      onUploadUrlAvailable: () => this.onCreated(upload, isCurrent()),
      onProgress: (sent) => isCurrent() && this.onProgress(sent),
      onSuccess: ({ lastResponse }) => this.onDone(lastResponse),
      onError: (error) => isCurrent() && this.onError(error),
    }));
    if (!this.tries) this.announce("announceStart");
    upload.start();
  }

  onCannotStart(error) {
    if (!(error instanceof NotLoggedIn)) {
      this.onLost();
      return;
    }
    const { account } = config;
    const isOut = error.reason === LOGGED_OUT;
    const message = isOut
      ? text("loggedOut")
      : text("otherAccount", { name: account.name, other: error.name });
    this.fail(message, true);
    this.needsLogin = true;
    this.part("login").hidden = !isOut;
  }

  // The server has created the upload. If it was paused or cancelled in the meantime, keep its
  // URL or have it deleted, so that it does not stay behind unnoticed.
  onCreated(upload, isCurrent) {
    if (isCurrent) this.isCreating = false;
    else upload.abort();
    const isKept = isCurrent || (!this.url && ["paused", "waiting"].includes(this.state));
    if (isKept) this.url = upload.url;
    else if (upload.url !== this.url) this.panel.giveUp(upload.url);
    this.panel.update();
  }

  // Identifies the file when it is chosen again; the server reads only some of the fields.
  metadata() {
    const { session, replaces } = this.panel;
    const metadata = { filename: this.file.name, modified: this.file.lastModified };
    if (this.file.type) metadata.filetype = this.file.type;
    if (this.isSmall) metadata.key = this.key;
    // As Uppy does; composed, since nginx takes headers of up to 8 KB.
    if (this.path) metadata.relativePath = `${this.path}/${this.file.name}`.normalize();
    if (session) metadata.session = session;
    if (replaces) metadata.replaces = replaces;
    return metadata;
  }

  // Return an unfinished upload of this very file, or undefined.
  findEarlier(uploads) {
    const own = this.metadata();
    const matches = ({ url, size, metadata }) =>
      size === this.file.size &&
      metadata.filename === own.filename &&
      metadata.modified === String(own.modified) &&
      (!own.relativePath || metadata.relativePath === own.relativePath) &&
      (!own.session || metadata.session === own.session) &&
      metadata.replaces === own.replaces &&
      !this.differing.some((other) => isSameUrl(other, url)) &&
      !this.panel.holds(url);
    return uploads.find(matches);
  }

  onRequest(request) {
    if (request.getMethod() === "HEAD") request.setHeader("Want-Repr-Digest", "sha-256=1");
    if (request.getMethod() !== "PATCH") return;
    const offset = Number(request.getHeader("Upload-Offset"));
    if (offset > this.offset) {
      this.tries = 0;
      this.wasForbidden = false;
    }
    this.offset = offset;
  }

  // After a HEAD response other than success tus-js-client starts at the first byte, and after
  // success it resumes at the offset without comparing what is before it.
  async onResponse(request, response, isCurrent) {
    const status = response.getStatus();
    if (request.getMethod() !== "HEAD" || GONE.includes(status)) return;
    const stop = (reason) => {
      throw Object.assign(new Error(), { status: reason });
    };
    if (status >= 300) stop(status);
    const offset = Number(response.getHeader("Upload-Offset"));
    if (!offset) return;
    this.show(text("comparing"));
    const digest = DIGEST.exec(response.getHeader("Repr-Digest") || "")?.[1];
    if ((await sha256(this.file, offset, isCurrent)) !== digest) stop(DIFFERENT);
  }

  // Leave the unfinished upload to the other file, and start a new one.
  startOver() {
    this.differing.push(this.url);
    this.url = null;
    this.sent = 0;
    this.part("note").textContent = text("different");
    this.part("note").hidden = false;
    this.announce("different");
    this.panel.isStale = true;
    this.batch.forgetUnfinished();
    this.start();
  }

  onProgress(sent) {
    this.sent = sent;
    this.speed.update(sent);
    const share = sent / this.file.size;
    this.part("bar").value = share;
    clearTimeout(this.stallTimer);
    if (share < 1) {
      this.show(formatProgress(sent, this.file.size, this.speed.value));
      this.stallTimer = setTimeout(() => this.onLost(), STALL_TIMEOUT);
    } else {
      this.show(text("storing"));
    }
    if (!this.isHalfAnnounced && share >= 0.5 && this.speed.duration > ANNOUNCE_HALF_AFTER) {
      this.isHalfAnnounced = true;
      this.announce("announceHalf", { percent: formatPercent(share) });
    }
    this.panel.drawTotal();
  }

  onDone(response) {
    const url = response.getHeader(config.fileHeader);
    this.stop(); // aborting clears the response, so the header is read first
    this.sent = this.file.size;
    if (url) this.part("name").href = url;
    if (url) this.found.onDone?.(url);
    this.announce("announceDone");
    this.panel.isStale = true;
    this.enter("done", `${text("done")} · ${formatBytes(this.file.size)}`);
    if (url && this.panel.replaces) location.assign(url);
  }

  onError(error) {
    const response = error.originalResponse;
    const status = response?.getStatus() ?? error.causingError?.status ?? 0;
    if (status === DIFFERENT) this.startOver();
    else if (CONNECTION_LOST.includes(status)) this.onLost();
    else if (status === FORBIDDEN && !this.wasForbidden) {
      // Another log-in may have made the token invalid; `start` gets a new one.
      this.wasForbidden = true;
      this.panel.account.invalidate();
      this.start();
    } else this.fail(this.reasonOf(status, response), !FINAL.includes(status));
  }

  // tus errors are plain text; other pages answer a request for JSON with an `error`.
  reasonOf(status, response) {
    const type = response?.getHeader("Content-Type") || "";
    const body = (response?.getBody() || "").trim();
    if (type.startsWith("text/plain") && body) return body;
    try {
      return JSON.parse(body).error || text("failed");
    } catch {
      return text(status === FORBIDDEN ? "loggedOut" : "failed");
    }
  }

  // Retry after a delay, unless the file changed: it must not be stored half old, half new.
  onLost() {
    this.stop();
    this.enter("lost", `${text("lost")} ${text("lostResumes")}`);
    if (this.tries === 1) this.announce("lost");
    const delay = RETRY_DELAYS[Math.min(this.tries, RETRY_DELAYS.length - 1)];
    this.tries += 1;
    this.panel.account.invalidate();
    this.retryTimer = setTimeout(() => this.start(), delay);
    if (!this.url) this.batch.forgetUnfinished();
    const onUnreadable = () => this.state === "lost" && this.fail(text("unreadable"), false);
    this.file.slice(0, 1).arrayBuffer().catch(onUnreadable);
  }

  fail(reason, canRetry) {
    this.stop();
    this.enter("failed", reason);
    this.part("retry").hidden = !canRetry;
    this.announce("announceFailed", { reason });
    this.found.onFail?.(reason);
  }

  pause() {
    this.leave();
    this.enter("paused", `${text("paused")} · ${formatProgress(this.sent, this.file.size, 0)}`);
    this.announce("announcePaused");
  }

  cancel() {
    this.leave();
    if (this.url) this.panel.giveUp(this.url);
    this.url = null;
    this.sent = 0;
    this.part("bar").value = 0;
    this.enter("cancelled", text("cancelled"));
    this.announce("cancelled");
    this.found.onFail?.(text("cancelled"));
  }

  dismiss() {
    const next = this.element.nextElementSibling || this.element.previousElementSibling;
    const button = next?.querySelector("button:not([hidden])");
    this.panel.remove(this);
    (button || this.panel.input).focus();
  }

  // Stop, but do not abort a request that is creating the upload: see onCreated.
  leave() {
    if (this.isCreating) this.upload = null;
    this.stop();
  }

  stop() {
    this.attempt = null;
    this.isCreating = false;
    this.upload?.abort();
    clearTimeout(this.retryTimer);
    clearTimeout(this.stallTimer);
    this.speed = new Speed();
  }
}
