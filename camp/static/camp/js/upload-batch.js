// The files of one choice, such as a folder. The server lists them in this order, whichever arrives
// first: each is sent with its position and the time of the batch, which the server gives, signed.
import { fetchWithTimeout } from "./account.js";
import { config } from "./upload-config.js";

// Decode the Upload-Metadata of tus, "key base64,key base64", to {key: text}.
const decodeMetadata = (metadata) => {
  const decode = (value) =>
    new TextDecoder().decode(Uint8Array.from(atob(value), (char) => char.charCodeAt(0)));
  const pairs = metadata.split(",").map((pair) => pair.trim().split(" "));
  return Object.fromEntries(pairs.map(([key, value = ""]) => [key, decode(value)]));
};

export class Batch {
  constructor(account) {
    this.account = account;
    this.rows = [];
    this.first = 0; // the position of its first file
  }

  // What the server reads of a row's metadata to put its file into order.
  metadata(row) {
    if (!this.time) return {};
    return { batch: this.time, position: this.first + row.position };
  }

  // Return the reader's unfinished uploads, most bytes first; requested once.
  getUnfinished() {
    this.unfinished ??= this.request();
    return this.unfinished;
  }

  forgetUnfinished() {
    this.unfinished = null;
  }

  async request() {
    const response = await fetchWithTimeout(config.urls.unfinished, {
      headers: this.account.headers,
    });
    if (response.status >= 500) throw new Error(response.statusText);
    // A reader who is logged out learns it when the upload starts.
    if (response.redirected || !response.ok) return [];
    const { uploads, batch } = await response.json();
    const unfinished = uploads
      .map((upload) => ({ ...upload, metadata: decodeMetadata(upload.metadata) }))
      .sort((a, b) => b.offset - a.offset);
    if (!this.time) this.begin(batch, unfinished);
    return unfinished;
  }

  // If a file of it is resumed, the others belong where that one does.
  begin(time, unfinished) {
    this.time = time;
    const open = unfinished.filter(({ isBatchOpen }) => isBatchOpen);
    if (!open.length) return;
    for (const row of this.rows) {
      const earlier = row.findEarlier(open);
      if (!earlier) continue;
      this.time = earlier.metadata.batch;
      this.first = Number(earlier.metadata.position) - row.position;
      return;
    }
  }
}
