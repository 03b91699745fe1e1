// A place to write (form[data-compose]): Ctrl+Enter or Cmd+Enter sends, a second click
// sends nothing twice, and what was typed is there again after leaving the page.
(() => {
  const PAUSE = 5000; // ms until a stopped request may be sent again

  // Drafts live in this tab only: the next person at this browser finds none.
  const recall = (key) => {
    try {
      return JSON.parse(sessionStorage.getItem(key)) || {};
    } catch {
      return {};
    }
  };

  const remember = (key, draft) => {
    try {
      if (draft.text) sessionStorage.setItem(key, JSON.stringify(draft));
      else sessionStorage.removeItem(key);
    } catch {
      // No storage, no drafts.
    }
  };

  const keepDraft = (form, text) => {
    const key = `camp-draft:${form.dataset.compose}`;
    const latest = form.dataset.latest;
    const draft = recall(key);
    // A newer message than at the time of sending: it has arrived.
    if ("sentAfter" in draft && draft.sentAfter !== latest) remember(key, {});
    else if (draft.text && !text.value) text.value = draft.text;
    text.addEventListener("input", () => remember(key, { text: text.value }));
    form.addEventListener("submit", () => remember(key, { text: text.value, sentAfter: latest }));
  };

  for (const form of document.querySelectorAll("form[data-compose]")) {
    const text = form.querySelector("[data-compose-text]");
    const hint = form.querySelector("[data-compose-hint]");
    let sending = false;
    if (hint) hint.hidden = false;

    text.addEventListener("keydown", (event) => {
      // Enter that ends the input of a Japanese word belongs to the input method.
      if (event.isComposing || event.keyCode === 229) return;
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      form.requestSubmit();
    });

    form.addEventListener("submit", (event) => {
      if (sending) event.preventDefault();
      sending = true;
      setTimeout(() => {
        sending = false;
      }, PAUSE);
    });
    window.addEventListener("pageshow", () => {
      sending = false;
    });

    if (form.dataset.compose) keepDraft(form, text);
    if ("composeFirst" in form.dataset) text.focus();
  }
})();
