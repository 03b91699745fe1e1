// Check that the reader of a page is still logged in, and get a CSRF token for requests. A token
// is valid until the next log-in in this browser, so it is fetched anew, and used only if the
// same person is logged in.
const TIMEOUT = 15000; // ms
export const LOGGED_OUT = "logged out";
export const OTHER_ACCOUNT = "other account";

// The reader must log in; `reason` is one of the above, `name` that of the other account.
export class NotLoggedIn extends Error {
  constructor(reason, name) {
    super(reason);
    this.reason = reason;
    this.name = name;
  }
}

export const fetchWithTimeout = (url, options) =>
  fetch(url, { ...options, signal: AbortSignal.timeout?.(TIMEOUT) });

export class Account {
  constructor({ account, urls, csrfHeader }) {
    this.id = account.id;
    this.url = urls.account;
    this.csrfHeader = csrfHeader;
    this.token = "";
    this.checked = null;
  }

  get headers() {
    return { [this.csrfHeader]: this.token, Accept: "application/json" };
  }

  // Resolve once there is a valid token; asks the server once until `invalidate`. Rejects with
  // NotLoggedIn, or with another error if the server does not answer.
  check() {
    this.checked ??= this.request();
    this.checked.catch(() => this.invalidate());
    return this.checked;
  }

  invalidate() {
    this.checked = null;
  }

  async request() {
    const headers = { Accept: "application/json" };
    const response = await fetchWithTimeout(this.url, { headers, cache: "no-store" });
    if (!response.ok) throw new Error(response.statusText);
    const { account, name, token } = await response.json();
    if (!account) throw new NotLoggedIn(LOGGED_OUT);
    if (account !== this.id) throw new NotLoggedIn(OTHER_ACCOUNT, name);
    this.token = token;
  }
}
