// Messages on their way to the server: sent one after the other, kept in this browser until they
// have arrived, and never stored twice, since each has an ID of its own (submission_id).
import { Account, fetchWithTimeout, NotLoggedIn, OTHER_ACCOUNT } from "./account.js";
import { refresh } from "./live.js";
import { config, fillIn, texts } from "./live-texts.js";
import { keep } from "./scroll.js";
import { loadAll, save } from "./storage.js";

const SHORTEST = 2000; // ms until a message is sent again
const LONGEST = 30000;

// The server does not take the message as it is.
class Refused extends Error {}

export class Outbox {
  constructor(form, { user, onEdit }) {
    this.form = form;
    this.onEdit = onEdit;
    this.prefix = `camp-outbox:${user}:${form.dataset.compose}:`;
    // For the notice on other pages (see unsent.js)
    const title = document.querySelector("[data-live-title]").textContent;
    this.session = { page: location.pathname, title };
    this.list = document.querySelector("[data-outbox]");
    this.template = document.querySelector("[data-outbox-item]");
    this.account = new Account({ ...config, account: { id: user } });
    this.account.token = form.elements.csrfmiddlewaretoken.value;
    this.account.checked = Promise.resolve(); // by this page
    this.failures = 0;
    this.items = loadAll(this.prefix)
      .sort((a, b) => a.time - b.time)
      .map((item) => this.draw(item));
    window.addEventListener("online", () => this.send());
    document.addEventListener("visibilitychange", () => this.send());
    this.send();
  }

  // Send the `fields` of a form.
  add(fields) {
    const restore = keep(() => this.form);
    const item = this.draw({ fields, time: Date.now() });
    restore();
    this.items.push(item);
    this.save(item);
    this.send();
  }

  // Each by itself: the session may be open in several tabs.
  key({ fields }) {
    return this.prefix + fields.submission_id;
  }

  save(item) {
    const { fields, time, refusal } = item;
    save(this.key(item), { fields, time, refusal, ...this.session });
  }

  forget(item) {
    this.items = this.items.filter((other) => other !== item);
    save(this.key(item), null);
  }

  draw(item) {
    item.element = this.template.content.cloneNode(true).firstElementChild;
    item.element.querySelector("[data-outbox-text]").textContent = item.fields.content;
    item.element.querySelector("[data-outbox-edit]").addEventListener("click", () => {
      this.forget(item);
      item.element.remove();
      this.onEdit(item.fields.content);
    });
    this.list.append(item.element);
    this.show(item, item.refusal ?? texts.sending);
    return item;
  }

  show(item, state) {
    item.element.querySelector("[data-outbox-state]").textContent = state;
    item.element.querySelector("[data-outbox-edit]").hidden = !item.refusal;
  }

  async send() {
    clearTimeout(this.timer);
    if (this.isSending) return;
    this.isSending = true;
    try {
      for (let item; (item = this.items.find(({ refusal }) => !refusal)); ) await this.sendItem(item);
      this.failures = 0;
    } catch (error) {
      this.wait(error);
    } finally {
      this.isSending = false;
    }
  }

  async sendItem(item) {
    try {
      const id = await this.post(item.fields);
      this.forget(item);
      await refresh(id, () => item.element.remove());
      item.element.remove(); // if it could not be shown yet
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      item.refusal = fillIn(texts.refused, { reason: error.message });
      this.show(item, item.refusal);
      this.save(item);
    }
  }

  // Return the ID of the message that the server stored.
  async post(fields, isRetry = false) {
    await this.account.check();
    const response = await fetchWithTimeout(this.form.action, {
      method: "POST",
      body: new URLSearchParams(fields),
      headers: this.account.headers,
      redirect: "manual",
    });
    if (response.status === 201) return (await response.json()).id;
    if (response.type === "opaqueredirect" || (response.status === 403 && !isRetry)) {
      // Another log-in, or none
      this.account.invalidate();
      await this.account.check();
      if (!isRetry) return this.post(fields, true);
    }
    if (response.status === 404) throw new Refused(texts.hidden);
    if ([400, 403, 413].includes(response.status)) {
      // A proxy answers in its own words.
      const { error } = await response.json().catch(() => ({}));
      throw new Refused(error ?? `${response.status} ${response.statusText}`);
    }
    const error = new Error(response.statusText);
    error.retryAfter = Number(response.headers.get("Retry-After")) || 0;
    throw error;
  }

  wait(error) {
    const other = error.reason === OTHER_ACCOUNT ? texts.otherAccount : texts.loggedOut;
    const reason = error instanceof NotLoggedIn ? other : texts.waiting;
    for (const item of this.items) if (!item.refusal) this.show(item, reason);
    const delay = Math.min(SHORTEST * 2 ** this.failures, LONGEST);
    this.failures += 1;
    this.timer = setTimeout(() => this.send(), Math.max(delay, (error.retryAfter ?? 0) * 1000));
  }
}
