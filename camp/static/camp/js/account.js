// Whose page this is, and whether they are still logged in; for every script that changes
// something on the server. The token of a page is good until the next log-in in this browser:
// it is asked for again, and only handed out if the same person is logged in.
// The element has data-account, data-account-check and the sentences data-text-logged-out and
// data-text-other-account.
(() => {
  const PATIENCE = 15000; // ms
  const OUT = "out";
  const OTHER = "other";

  // The reader has to log in first; `reason` is OUT or OTHER, the message is for them.
  class NotLoggedIn extends Error {
    constructor(reason, message) {
      super(message);
      this.reason = reason;
    }
  }

  class Account {
    constructor({ dataset }) {
      this.dataset = dataset;
      this.asked = null;
      this.token = "";
    }

    get headers() {
      return { "X-CSRFToken": this.token, Accept: "application/json" };
    }

    // Resolve once there is a good token; asks once until `renew`. Rejects with NotLoggedIn, or
    // with another error where the server gives no answer.
    check() {
      this.asked ??= this.ask();
      this.asked.catch(() => this.renew());
      return this.asked;
    }

    // Have the next `check` ask again.
    renew() {
      this.asked = null;
    }

    async ask() {
      const signal = AbortSignal.timeout?.(PATIENCE);
      const headers = { Accept: "application/json" };
      const answer = await fetch(this.dataset.accountCheck, { headers, signal, cache: "no-store" });
      if (!answer.ok) throw new Error(answer.statusText);
      const { account, name, token } = await answer.json();
      if (!account) throw new NotLoggedIn(OUT, this.dataset.textLoggedOut);
      if (account !== this.dataset.account) {
        throw new NotLoggedIn(OTHER, this.dataset.textOtherAccount.replace("{other}", () => name));
      }
      this.token = token;
    }
  }

  window.campAccount = { Account, NotLoggedIn, OUT, OTHER };
})();
