// Pictures that are pasted or dropped into the text of a message are uploaded into the session, and
// appear where one writes.
import { text as translate } from "./upload-config.js";

const form = document.getElementById("compose");
const field = form?.querySelector("[data-compose-text]");
const upload = document.querySelector("form[data-upload]");
const PICTURE = /^image\/(?!svg)/;
let count = 0;
const pending = new Set(); // placeholders

const show = (message) => {
  form.querySelector("[data-compose-status]").textContent = message;
};

// Replace a part of the text, as if it was typed.
const replace = (value, start, end, mode) => {
  field.setRangeText(value, start, end, mode);
  field.dispatchEvent(new Event("input", { bubbles: true }));
};

const insert = (value) => {
  const { selectionStart, selectionEnd } = field;
  const before = field.value.slice(0, selectionStart);
  const line = before && !/\s$/.test(before) ? " " : "";
  replace(`${line}${value}`, selectionStart, selectionEnd, "end");
};

const settle = (placeholder, value) => {
  pending.delete(placeholder);
  if (!pending.size) show("");
  const start = field.value.indexOf(placeholder);
  // The person may have deleted it meanwhile; a retry inserts the picture where one writes then.
  if (start >= 0) replace(value, start, start + placeholder.length, "preserve");
  else if (value) insert(value);
};

const add = (file) => {
  const name = file.name.replace(/[[\]\\\s]+/g, " ");
  count += 1;
  const placeholder = `![${translate("announceStart", { name })}](#${count})`;
  pending.add(placeholder);
  insert(placeholder);
  const onDone = (url) => {
    const { pathname } = new URL(url, location.href);
    settle(placeholder, `![${name}](${pathname}inline/)`);
  };
  const onFail = (reason) => {
    settle(placeholder, "");
    show(translate("announceFailed", { name: file.name, reason }));
  };
  return { file, path: "", onDone, onFail };
};

// Take the files, if there are pictures only; others are attached to the session (upload-files.js).
const take = (event, files) => {
  if (!files.length || !files.every((file) => PICTURE.test(file.type))) return;
  event.preventDefault();
  event.stopPropagation();
  field.focus();
  upload.dispatchEvent(new CustomEvent("addfiles", { detail: files.map(add) }));
};

if (field && upload) {
  field.addEventListener("paste", (event) => {
    // A copied spreadsheet cell brings an image along; the text is meant.
    if (event.clipboardData.types.includes("text/plain")) return;
    take(event, [...event.clipboardData.files]);
  });
  form.addEventListener("drop", (event) => {
    take(event, [...event.dataTransfer.files]);
    // The place for files must not stay highlighted.
    if (event.defaultPrevented) document.dispatchEvent(new Event("dragstop"));
  });
  document.addEventListener(
    "submit",
    (event) => {
      if (event.target !== form || !pending.size) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      show(translate("pictureWaits"));
    },
    true,
  );
}
