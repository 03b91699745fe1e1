// Files that are chosen, dropped (folders included) or pasted. Each is passed on as
// {file, path}, where `path` is its folder, with an `error` (name of a text) if unreadable.
const hasFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
const folderOf = (path) => path.split("/").slice(0, -1).filter(Boolean).join("/");
const natural = new Intl.Collator(undefined, { numeric: true });
// The order of a folder: a path part by part, so that 2.png precedes 10.png.
const sortByPath = (found) => {
  const parts = new Map(found.map((one) => [one, [...one.path.split("/"), one.file.name]]));
  const compare = (a, b) => {
    const at = a.findIndex((part, index) => part !== b[index]);
    return at < 0 ? a.length - b.length : natural.compare(a[at], b[at] ?? "");
  };
  return found.sort((a, b) => compare(parts.get(a), parts.get(b)));
};
const withPath = (file) => ({ file, path: folderOf(file.webkitRelativePath || "") });

// The browser returns the entries of a folder in batches; an empty one is the last.
const readEntries = async (folder) => {
  const reader = folder.createReader();
  const entries = [];
  for (;;) {
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!batch.length) return entries;
    entries.push(...batch);
  }
};

const readEntry = async (entry, isTop) => {
  const failed = (error) => [{ file: new File([], entry.name), path: "", error }];
  try {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      return [{ file, path: folderOf(entry.fullPath) }];
    }
    const found = [];
    for (const child of await readEntries(entry)) found.push(...(await readEntry(child, false)));
    return found.length || !isTop ? found : failed("emptyFolder");
  } catch {
    return failed("unreadable");
  }
};

// Entries are available only during the event, their contents also later.
const readDropped = async ({ items }) => {
  const found = [...items].map((item) => {
    if (item.kind !== "file") return [];
    const entry = item.webkitGetAsEntry?.();
    if (entry?.isDirectory) return readEntry(entry, true);
    const file = item.getAsFile();
    return file ? [{ file, path: "" }] : [];
  });
  return (await Promise.all(found)).flat();
};

// Call `add` with what is dropped or pasted anywhere; `zone` is highlighted meanwhile.
export const onDropOrPaste = (zone, add) => {
  let depth = 0; // dragenter and dragleave fire for each element on the way
  const setDepth = (value) => {
    depth = Math.max(0, value);
    zone.toggleAttribute("data-over", depth > 0);
  };
  const listen = (type, handle) =>
    document.addEventListener(type, (event) => {
      if (hasFiles(event)) handle(event);
    });

  listen("dragenter", () => setDepth(depth + 1));
  listen("dragleave", () => setDepth(depth - 1));
  listen("dragover", (event) => {
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  listen("drop", (event) => {
    event.preventDefault();
    setDepth(0);
    readDropped(event.dataTransfer).then((found) => add(sortByPath(found)));
  });

  document.addEventListener("dragstop", () => setDepth(0));

  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files || [])];
    if (!files.length) return;
    // A copied spreadsheet cell brings an image along; in a text field the text is meant.
    const inText = event.target.closest?.("textarea, input, [contenteditable]");
    if (inText && event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    add(files.map(withPath));
  });
};

// Call `add` with what is chosen in a file input.
export const onChoose = (input, add) => {
  input.addEventListener("change", () => {
    const chosen = [...input.files].map(withPath);
    input.value = "";
    add(input.webkitdirectory ? sortByPath(chosen) : chosen);
  });
};

// Have a button ask for a folder, if the browser can.
export const onChooseFolder = (button, add) => {
  const input = document.createElement("input");
  button.hidden = !("webkitdirectory" in input);
  input.type = "file";
  input.webkitdirectory = true;
  onChoose(input, add);
  button.addEventListener("click", () => input.click());
};
