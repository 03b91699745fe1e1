// The admin's autocomplete fields and permission boxes come without names that a screen
// reader could say: they get those of the labels they stand for.
(() => {
  const labelOf = (select) => select.labels && select.labels[0];

  function nameSelection(select) {
    const label = labelOf(select);
    const field = select.nextElementSibling;
    if (!label || !field) {
      return;
    }
    label.id = label.id || `${select.id}-label`;
    for (const part of field.querySelectorAll("[role=combobox], [role=textbox], input")) {
      const value = field.querySelector(".select2-selection__rendered[id]");
      const names = value && value !== part ? [label.id, value.id] : [label.id];
      part.setAttribute("aria-labelledby", names.join(" "));
    }
  }

  function nameSearch(event) {
    const label = labelOf(event.target);
    const search = document.querySelector(".select2-dropdown .select2-search__field");
    if (label && search) {
      search.setAttribute("aria-labelledby", label.id);
    }
  }

  // The fields are drawn when the page is ready, before it has loaded.
  window.addEventListener("load", () => {
    document.querySelectorAll("select.admin-autocomplete").forEach(nameSelection);
    document
      .querySelectorAll("span.help-tooltip[aria-label]:not([role])")
      .forEach((tip) => tip.setAttribute("role", "img"));
    if (window.django && window.django.jQuery) {
      window.django.jQuery(document).on("select2:open", nameSearch);
    }
  });
})();
