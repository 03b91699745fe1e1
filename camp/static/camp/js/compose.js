// Message forms (form[data-compose]): Ctrl+Enter or Cmd+Enter sends. On the page of a session,
// which the attribute names, messages are sent without leaving the page, and a draft is kept in
// this browser, for this person, until it is sent. Elsewhere a second click does not send twice.
import { Outbox } from "./outbox.js";
import { load, save } from "./storage.js";

const DOUBLE_CLICK = 1000; // ms
const RESEND_AFTER = 5000; // ms until a request that was stopped may be sent again

// Return a random UUID; crypto.randomUUID exists over https only.
const makeUuid = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
};

const keepDraft = (form, text, user) => {
  const key = `camp-draft:${user}:${form.dataset.compose}`;
  text.value ||= load(key) ?? "";
  text.addEventListener("input", () => save(key, text.value));
};

const setText = (text, value) => {
  text.value = value;
  text.dispatchEvent(new Event("input", { bubbles: true }));
  text.focus();
};

// Send messages of a session's page in the background.
const sendInBackground = (form, text) => {
  const { user } = form.dataset;
  keepDraft(form, text, user);
  const onEdit = (content) => setText(text, [content, text.value].filter(Boolean).join("\n\n"));
  const outbox = new Outbox(form, { user, onEdit });
  // The browser would tell that the text is missing after a double click as well.
  form.noValidate = true;
  let sentAt = 0;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!text.value) {
      if (Date.now() - sentAt > DOUBLE_CLICK) text.reportValidity();
      return;
    }
    sentAt = Date.now();
    const { csrfmiddlewaretoken, ...fields } = Object.fromEntries(new FormData(form));
    outbox.add(fields);
    form.elements.submission_id.value = makeUuid();
    setText(text, "");
    form.dispatchEvent(new Event("sent"));
  });
};

const sendOnce = (form) => {
  let sending = false;
  const reset = () => {
    sending = false;
  };
  form.addEventListener("submit", (event) => {
    if (sending) event.preventDefault();
    sending = true;
    setTimeout(reset, RESEND_AFTER);
  });
  window.addEventListener("pageshow", reset);
};

for (const form of document.querySelectorAll("form[data-compose]")) {
  const text = form.querySelector("[data-compose-text]");
  text.addEventListener("keydown", (event) => {
    // An Enter that ends the input of a Japanese word belongs to the input method.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit();
  });
  if (form.dataset.compose) sendInBackground(form, text);
  else sendOnce(form);
  if ("composeFirst" in form.dataset) text.focus();
}
