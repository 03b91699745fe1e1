// Fields that choose rows of another table: a combobox that searches, see
// https://www.w3.org/WAI/ARIA/apg/patterns/combobox/. The <select> beside it, hidden, holds the
// choice; Django's links to related rows read it and add to it.
const DELAY = 250; // ms without a key before a search starts

const element = (tag, properties = {}, attributes = {}) => {
  const made = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

const enhance = (select) => {
  const words = select.dataset;
  const id = `${select.id}-search`;
  const multiple = select.multiple;
  const optional = words.optional === "true";
  const input = element(
    "input",
    { type: "text", id, className: "autocomplete__input", autocomplete: "off", spellcheck: false },
    {
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": `${id}-list`,
    },
  );
  for (const name of ["aria-describedby", "aria-invalid", "aria-label"]) {
    if (select.hasAttribute(name)) input.setAttribute(name, select.getAttribute(name));
  }
  const list = element("ul", { id: `${id}-list`, className: "autocomplete__list", hidden: true });
  list.role = "listbox";
  const status = element("p", { className: "autocomplete__status" });
  status.role = "status";
  const chosen = element("ul", { className: "autocomplete__chosen", hidden: true });
  const clear = element("button", {
    type: "button",
    className: "autocomplete__clear",
    hidden: true,
    textContent: "×",
  });
  const label = select.labels[0];
  if (label) {
    label.htmlFor = id;
    label.id ||= `${id}-label`;
    list.setAttribute("aria-labelledby", label.id);
    clear.ariaLabel = `${words.clear}: ${label.textContent.replace(/:$/, "").trim()}`;
  } else if (select.ariaLabel) {
    list.ariaLabel = select.ariaLabel;
    clear.ariaLabel = `${words.clear}: ${select.ariaLabel}`;
  }
  const box = element("div", { className: "autocomplete" });
  box.append(chosen, input, clear, list, status);
  select.hidden = true;
  select.before(box);

  const selected = () => [...select.options].filter((option) => option.selected && option.value);
  let timer, request;
  let active = -1;

  const removal = (option) => {
    const button = element("button", { type: "button", textContent: "×" });
    button.ariaLabel = `${words.remove}: ${option.text}`;
    button.addEventListener("click", () => {
      option.selected = false;
      changed();
      input.focus();
    });
    const item = element("li");
    item.append(element("span", { textContent: option.text, dir: "auto" }), button);
    return item;
  };

  const show = () => {
    if (multiple) {
      chosen.replaceChildren(...selected().map(removal));
      chosen.hidden = !selected().length;
    } else {
      input.value = selected()[0]?.text ?? "";
      clear.hidden = !optional || !input.value;
    }
  };

  const changed = () => {
    show();
    select.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const close = () => {
    clearTimeout(timer);
    request?.abort();
    list.hidden = true;
    status.textContent = "";
    activate(-1);
    input.setAttribute("aria-expanded", "false");
  };

  const activate = (index) => {
    list.children[active]?.setAttribute("aria-selected", "false");
    active = index;
    const option = list.children[active];
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) input.setAttribute("aria-activedescendant", option.id);
    else input.removeAttribute("aria-activedescendant");
  };

  const choose = ({ id: value, text }) => {
    if (!multiple) for (const option of select.options) option.selected = false;
    let option = [...select.options].find((one) => one.value === value);
    if (!option) select.add((option = new Option(text, value)));
    option.selected = true;
    if (multiple) input.value = "";
    close();
    changed();
  };

  const fill = ({ results, pagination }) => {
    const taken = multiple ? selected().map((option) => option.value) : [];
    const rows = results.filter((row) => !taken.includes(row.id));
    list.replaceChildren(
      ...rows.map((row, number) => {
        const option = element("li", { id: `${id}-${number}`, textContent: row.text, dir: "auto" });
        option.role = "option";
        option.setAttribute("aria-selected", "false");
        option.addEventListener("click", () => choose(row));
        return option;
      }),
    );
    active = -1;
    list.hidden = !rows.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    status.textContent = !rows.length ? words.none : pagination.more ? words.more : "";
  };

  const search = async () => {
    request?.abort();
    request = new AbortController();
    const { signal } = request;
    // A chosen row's name is no search: offer the others as well.
    const term = !multiple && input.value === selected()[0]?.text ? "" : input.value.trim();
    const query = new URLSearchParams({
      term,
      app_label: words.appLabel,
      model_name: words.modelName,
      field_name: words.fieldName,
    });
    try {
      const response = await fetch(`${words.url}?${query}`, { signal });
      if (!response.ok) throw new Error(response.status);
      fill(await response.json());
    } catch {
      if (signal.aborted) return;
      close();
      status.textContent = words.failed;
    }
  };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, DELAY);
  });
  input.addEventListener("click", () => list.hidden && search());
  input.addEventListener("blur", () => {
    close();
    if (optional && !multiple && !input.value && selected().length) {
      select.value = "";
      changed();
    } else if (multiple) input.value = "";
    else show();
  });
  // Else the click on a choice would first close the list.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  clear.addEventListener("click", () => {
    select.value = "";
    changed();
    input.focus();
  });

  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const last = list.children.length - 1;
    if (event.key === "ArrowDown") {
      if (list.hidden) search();
      else activate(active < last ? active + 1 : 0);
    } else if (event.key === "ArrowUp" && !list.hidden) {
      activate(active > 0 ? active - 1 : last);
    } else if (event.key === "Enter") {
      // Never sends the form: a name half typed is not chosen yet.
      list.children[active]?.click();
    } else if (event.key === "Escape" && !list.hidden) {
      close();
      show();
    } else return;
    event.preventDefault();
  });

  // Django's pop-ups add options, and change or remove them.
  new MutationObserver(show).observe(select, { childList: true, subtree: true });
  show();
};

const enhanceIn = (place) => {
  const found = [...place.querySelectorAll("select[data-autocomplete]")];
  // Django's inlines.js copies the empty row.
  found.filter((select) => !select.closest(".empty-form")).forEach(enhance);
};

enhanceIn(document);
document.addEventListener("formset:added", (event) => enhanceIn(event.target));
