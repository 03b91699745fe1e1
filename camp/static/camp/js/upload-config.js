// What the server tells the upload page: addresses, limits in bytes, names of headers and texts
// (files/templatetags/upload_form.py).
import { pageData } from "./page-data.js";

export const ACCOUNT_ID = "upload-account";
export const config = { ...pageData("upload-config"), account: pageData(ACCOUNT_ID) };

// Return the text `name` with its {placeholders} filled in.
export const text = (name, values = {}) =>
  config.texts[name].replace(/\{(\w+)\}/g, (match, key) => values[key] ?? match);
