// Files that are dropped on the page, folders included, or pasted; for upload.js. Each comes
// as {file, path}, `path` being the folders around it, with an `error` if it cannot be read.
(() => {
  const holdsFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  const folderOf = (path) => path.split("/").slice(0, -1).filter(Boolean).join("/");
  const withPath = (file) => ({ file, path: folderOf(file.webkitRelativePath || "") });

  const settled = (read) => new Promise((resolve, reject) => read(resolve, reject));

  // The browser hands out the entries of a folder some at a time, until there are none.
  const entriesOf = async (folder) => {
    const reader = folder.createReader();
    const entries = [];
    for (;;) {
      const some = await settled((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return entries;
      entries.push(...some);
    }
  };

  const within = async (entry, top) => {
    const nothing = (error) => [{ file: new File([], entry.name), path: "", error }];
    try {
      if (entry.isFile) {
        const file = await settled((resolve, reject) => entry.file(resolve, reject));
        return [{ file, path: folderOf(entry.fullPath) }];
      }
      const found = [];
      for (const inner of await entriesOf(entry)) found.push(...(await within(inner, false)));
      return found.length || !top ? found : nothing("textEmptyFolder");
    } catch {
      return nothing("textUnreadable");
    }
  };

  // The entries can be had only while the event lasts, what is in them later.
  const dropped = async (transfer) => {
    const items = [...transfer.items].filter((item) => item.kind === "file");
    const waiting = items.map((item) => {
      const entry = item.webkitGetAsEntry?.();
      const file = item.getAsFile();
      if (entry?.isDirectory) return within(entry, true);
      return file ? [{ file, path: "" }] : [];
    });
    return (await Promise.all(waiting)).flat();
  };

  // Have `add` called with what is dropped or pasted anywhere; `zone` shows where it goes.
  const listen = (zone, add) => {
    let depth = 0; // dragenter and dragleave come for every element on the way
    const over = (on) => zone.toggleAttribute("data-over", on);

    document.addEventListener("dragenter", (event) => {
      if (!holdsFiles(event)) return;
      depth += 1;
      over(true);
    });
    document.addEventListener("dragleave", (event) => {
      if (!holdsFiles(event)) return;
      depth = Math.max(0, depth - 1);
      over(depth > 0);
    });
    document.addEventListener("dragover", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
    });
    document.addEventListener("drop", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      depth = 0;
      over(false);
      dropped(event.dataTransfer).then(add);
    });

    document.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files || [])];
      if (!files.length) return;
      // A cell copied from a spreadsheet brings a picture along; in a text field the text is meant.
      const inText = event.target.closest?.("textarea, input, [contenteditable]");
      if (inText && event.clipboardData.types.includes("text/plain")) return;
      event.preventDefault();
      add(files.map(withPath));
    });
  };

  // Have `add` called with what is chosen in a file input.
  const take = (input, add) => {
    input.addEventListener("change", () => {
      const chosen = [...input.files].map(withPath);
      input.value = "";
      add(chosen);
    });
  };

  // A button that asks for a folder, where the browser can.
  const takeFolders = (button, add) => {
    const input = document.createElement("input");
    if (!("webkitdirectory" in input)) return;
    input.type = "file";
    input.webkitdirectory = true;
    take(input, add);
    button.addEventListener("click", () => input.click());
    button.hidden = false;
  };

  Object.assign(window.campUpload, { listen, take, takeFolders });
})();
