// Keeps an open session up to date: asks the server every few seconds for what changed in
// [data-live], and shows it without moving what somebody reads or touching what they use.
import { fetchWithTimeout } from "./account.js";
import { texts } from "./live-texts.js";
import { withNumber } from "./plural.js";
import { keep } from "./scroll.js";

const VISIBLE = 3000; // ms between two requests
const UNATTENDED = 12000; // after IDLE without a key, a click or a move
const HIDDEN = 60000;
const IDLE = 10 * 60000;
const LONGEST = 60000; // after errors
const AT_END = 48; // px that the end may be out of view
const TIME = /<time.*?<\/time>/gs;

const box = document.querySelector("[data-live]");
const part = (name) => document.querySelector(`[data-live-${name}]`);
const parse = (html) => new DOMParser().parseFromString(html, "text/html").body;
const find = (id) => document.getElementById(`message-${id}`);
const idOf = (article) => Number(article.id.slice("message-".length));
const articles = (within) => [...within.querySelectorAll("article[id^=message-]")];

const isInUse = (element) => {
  const { activeElement } = document;
  if (activeElement !== element && element.contains(activeElement)) return true;
  const selection = document.getSelection();
  if (!selection.isCollapsed && selection.containsNode(element, true)) return true;
  return Boolean(element.querySelector("details[open], :checked"));
};

class Live {
  constructor() {
    const { live, etag, user, mayWrite, from, to } = box.dataset;
    Object.assign(this, { url: live, etag, user, mayWrite, range: { from, to } });
    this.last = Math.max(0, ...articles(box).map(idOf));
    this.order = []; // IDs as they are shown
    this.isComplete = true; // they are all that the page has
    this.waiting = new Map(); // ID → its new article, or null if it was deleted
    this.parts = new Map(); // name → HTML that is to be shown
    this.shownParts = new Map();
    this.own = new Map(); // ID of a message sent from this page → what to do when it is shown
    this.unseen = []; // new articles below what is in view
    this.failures = 0;
    this.isStopped = false;
    this.isUnseen = false; // something came while the page was in the background
    this.isPaused = false; // until somebody comes back to the page
    this.attended = Date.now();
    part("jump").addEventListener("click", () => this.jump());
    document.addEventListener("scroll", () => this.drawUnseen(), { passive: true });
    document.addEventListener("visibilitychange", () => this.wake());
    window.addEventListener("online", () => this.wake());
    window.addEventListener("pageshow", (event) => event.persisted && this.wake());
    for (const type of ["pointerdown", "pointermove", "keydown"]) {
      document.addEventListener(type, () => this.attend(), { passive: true });
    }
    this.schedule();
  }

  attend() {
    const wasIdle = Date.now() - this.attended > IDLE;
    this.attended = Date.now();
    if (wasIdle) this.wake();
  }

  wake() {
    if (document.visibilityState === "visible") this.refresh();
    else this.schedule();
  }

  get interval() {
    if (document.visibilityState !== "visible") return HIDDEN;
    return Date.now() - this.attended > IDLE ? UNATTENDED : VISIBLE;
  }

  // Ask again later: `atLeast` is what the server wants, in seconds.
  schedule(atLeast = 0) {
    clearTimeout(this.timer);
    if (this.isStopped || this.isPaused) return;
    const slower = Math.min(this.interval * 2 ** this.failures, Math.max(LONGEST, this.interval));
    // Not all readers at once
    const delay = Math.max(slower, atLeast * 1000) * (0.85 + 0.3 * Math.random());
    this.timer = setTimeout(() => this.refresh(), delay);
  }

  // Ask now; resolves when the answer is shown. Never rejects.
  refresh() {
    // What changes during a request may be missing from its answer.
    if (this.running) return (this.next ??= this.running.then(() => this.refresh()));
    this.next = null;
    clearTimeout(this.timer);
    this.running = this.poll().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  async poll() {
    if (this.isStopped) return;
    let retryAfter = 0;
    try {
      // What came while nobody looked has now been seen.
      const isSeen = document.visibilityState === "visible";
      const headers = isSeen && this.isUnseen ? {} : { "If-None-Match": this.etag };
      const response = await this.request(isSeen ? { seen: 1 } : {}, headers);
      retryAfter = Number(response.headers.get("Retry-After")) || 0;
      this.isPaused = response.type === "opaqueredirect";
      if (this.isPaused) return this.notify(texts.loggedOut);
      if (response.status === 404) return this.stop(texts.hidden);
      if (response.status === 304) this.flush();
      else if (response.ok) await this.receive(response);
      else throw new Error(response.statusText);
      this.failures = 0;
      if (!this.isStopped) this.notify("");
    } catch {
      this.failures += 1;
      if (this.failures > 1) this.notify(texts.lost);
    }
    this.schedule(retryAfter);
  }

  request(params, headers) {
    const query = new URLSearchParams({ last: this.last, ...params });
    for (const [name, value] of Object.entries(this.range)) if (value) query.set(name, value);
    headers = { Accept: "application/json", ...headers };
    const options = { headers, cache: "no-store", redirect: "manual" };
    return fetchWithTimeout(`${this.url}?${query}`, options);
  }

  async receive(response) {
    let body = await response.json();
    let fresh = articles(parse(body.html));
    const lacking = this.lacking(body, fresh);
    if (lacking.length) {
      response = await this.request({ ids: lacking.slice(0, 200) }, {});
      if (!response.ok || response.type === "opaqueredirect") throw new Error(response.statusText);
      body = await response.json();
      fresh = articles(parse(body.html));
    }
    if (body.user !== this.user) return this.stop(texts.otherAccount);
    if (String(body.mayWrite) !== this.mayWrite) return this.stop(texts.otherRights);
    this.order = body.messages.map(([id]) => id);
    this.isComplete = body.complete;
    const listed = new Set(this.order);
    for (const article of fresh) this.waiting.set(idOf(article), article);
    const first = body.complete ? 0 : this.order[0];
    for (const id of articles(box).map(idOf)) {
      if (!listed.has(id) && id >= first) this.waiting.set(id, null);
    }
    this.parts = new Map(Object.entries(body.parts));
    part("title").textContent = body.title;
    document.title = document.title.replace(/.*(?= · )/s, () => body.title);
    this.flush();
    this.isUnseen = document.visibilityState !== "visible";
    this.etag = response.headers.get("ETag");
  }

  // Return the IDs of what the answer lists, and neither it nor the page has as it is now.
  lacking({ messages }, fresh) {
    const received = new Set(fresh.map(idOf));
    const isShown = ([id, stamp]) => find(id) && (find(id).dataset.stamp ?? "") === stamp;
    const lacking = messages.filter((each) => !received.has(each[0]) && !isShown(each));
    return lacking.map(([id]) => id);
  }

  // Show what waits, except where somebody is using what it would replace.
  flush() {
    const anchor = this.anchor();
    const added = [];
    for (const [id, article] of this.waiting) {
      const current = find(id);
      if (current && isInUse(current)) continue;
      this.waiting.delete(id);
      if (!current && article && this.insert(id, article)) {
        if (this.own.has(id)) this.own.get(id)();
        else added.push(article);
      }
      if (current) this.replace(current, article);
      this.last = Math.max(this.last, id);
    }
    for (const [name, html] of this.parts) this.showPart(name, html);
    const isEmpty = !articles(box).length;
    if (part("empty")) part("empty").hidden = !isEmpty;
    if (!this.isComplete) this.showLimit();
    anchor.restore();
    this.announce(added, anchor.isEnd);
  }

  insert(id, article) {
    const position = this.order.indexOf(id);
    if (position < 0) return false; // deleted meanwhile
    const next = this.order.slice(position + 1).map(find).find(Boolean);
    if (next) next.before(article);
    else box.append(article);
    return true;
  }

  replace(current, article) {
    if (!article) return current.remove();
    const isFocused = current === document.activeElement;
    current.replaceWith(article);
    if (isFocused) this.focus(article);
  }

  showPart(name, html) {
    const element = document.querySelector(`[data-live-part="${name}"]`);
    if (element && isInUse(element)) return;
    this.parts.delete(name);
    // The times of day pass by themselves.
    const content = html.replace(TIME, "");
    if (!element || this.shownParts.get(name) === content) return;
    this.shownParts.set(name, content);
    element.replaceChildren(...parse(html).childNodes);
  }

  // Say where the messages begin that are kept up to date.
  showLimit() {
    find(this.order[0])?.before(part("limit"));
    part("limit").hidden = false;
  }

  // Return what is to stay where it is: the end if that is in view, else the first message in view.
  anchor() {
    const isEnd = box.getBoundingClientRect().bottom <= window.innerHeight + AT_END;
    const isInView = (article) => article.getBoundingClientRect().bottom > 0;
    const first = isEnd ? null : articles(box).find(isInView);
    const restore = first ? keep(() => find(idOf(first))) : keep(() => part("end"));
    return { isEnd, restore };
  }

  announce(added, isAtEnd) {
    if (!added.length) return;
    part("status").textContent = this.count(added.length);
    if (!isAtEnd) this.unseen.push(...added);
    this.drawUnseen();
  }

  count(number) {
    return withNumber(number, texts.newMessage, texts.newMessages);
  }

  drawUnseen() {
    const isBelow = (article) =>
      article.isConnected && article.getBoundingClientRect().top > window.innerHeight - AT_END;
    this.unseen = this.unseen.filter(isBelow);
    part("jump").hidden = !this.unseen.length;
    if (this.unseen.length) part("jump-text").textContent = this.count(this.unseen.length);
  }

  jump() {
    const [first] = this.unseen;
    first.scrollIntoView();
    this.focus(first);
    this.drawUnseen();
  }

  focus(article) {
    article.tabIndex = -1;
    article.focus({ preventScroll: true });
  }

  stop(sentence) {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.notify(sentence);
  }

  notify(sentence) {
    if (part("notice-text").textContent === sentence) return;
    part("notice-text").textContent = sentence;
    part("log-in").hidden = sentence !== texts.loggedOut;
    part("notice").hidden = !sentence;
  }
}

const live = box && new Live();

// Show what is new now; message `own` is the reader's, and `onShow` is called when it appears.
export const refresh = async (own, onShow) => {
  live?.own.set(own, onShow);
  await live?.refresh();
};
