// What the server tells the scripts of an open session: addresses, names and texts
// (sessions_app/templatetags/live.py).
import { pageData } from "./page-data.js";

export const config = document.getElementById("live-config") ? pageData("live-config") : {};
export const texts = config.texts ?? {};

// Return a text with its {placeholders} filled in.
export const fillIn = (text, values) =>
  text.replace(/\{(\w+)\}/g, (match, key) => values[key] ?? match);
