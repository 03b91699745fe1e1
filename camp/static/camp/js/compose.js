// Message forms (form[data-compose]): Ctrl+Enter or Cmd+Enter sends, a second click does not
// send twice, and a draft survives leaving the page.
const RESEND_AFTER = 5000; // ms until a request that was stopped may be sent again

// Drafts stay in this tab: the next person at this browser must not find them.
const loadDraft = (key) => {
  try {
    return JSON.parse(sessionStorage.getItem(key)) || {};
  } catch {
    return {};
  }
};

const saveDraft = (key, draft) => {
  try {
    if (draft.text) sessionStorage.setItem(key, JSON.stringify(draft));
    else sessionStorage.removeItem(key);
  } catch {
    // Without storage there are no drafts.
  }
};

const keepDraft = (form, text) => {
  const key = `camp-draft:${form.dataset.compose}`;
  const { latest } = form.dataset;
  const draft = loadDraft(key);
  // There is a newer message than when the draft was sent: it has arrived.
  if ("sentAfter" in draft && draft.sentAfter !== latest) saveDraft(key, {});
  else if (draft.text && !text.value) text.value = draft.text;
  text.addEventListener("input", () => saveDraft(key, { text: text.value }));
  form.addEventListener("submit", () => saveDraft(key, { text: text.value, sentAfter: latest }));
};

for (const form of document.querySelectorAll("form[data-compose]")) {
  const text = form.querySelector("[data-compose-text]");
  let sending = false;
  const reset = () => {
    sending = false;
  };

  text.addEventListener("keydown", (event) => {
    // An Enter that ends the input of a Japanese word belongs to the input method.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit();
  });

  form.addEventListener("submit", (event) => {
    if (sending) event.preventDefault();
    sending = true;
    setTimeout(reset, RESEND_AFTER);
  });
  window.addEventListener("pageshow", reset);

  if (form.dataset.compose) keepDraft(form, text);
  if ("composeFirst" in form.dataset) text.focus();
}
