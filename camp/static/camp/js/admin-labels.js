// Accessible names for what Django's admin leaves without: autocomplete fields take those of
// their labels, and help tooltips the role that lets them have one.
const labelOf = (select) => select.labels?.[0];

const nameField = (select) => {
  const label = labelOf(select);
  const field = select.nextElementSibling;
  if (!label || !field) return;
  label.id ||= `${select.id}-label`;
  const value = field.querySelector(".select2-selection__rendered[id]");
  for (const part of field.querySelectorAll("[role=combobox], [role=textbox], input")) {
    const names = value && value !== part ? [label.id, value.id] : [label.id];
    part.setAttribute("aria-labelledby", names.join(" "));
  }
};

const nameSearch = ({ target }) => {
  const label = labelOf(target);
  const search = document.querySelector(".select2-dropdown .select2-search__field");
  if (label) search?.setAttribute("aria-labelledby", label.id);
};

for (const tip of document.querySelectorAll("span.help-tooltip[aria-label]:not([role])")) {
  tip.setAttribute("role", "img");
}

// jQuery calls this after the admin's own scripts, which draw the fields with Select2.
window.django?.jQuery?.(($) => {
  document.querySelectorAll("select.admin-autocomplete").forEach(nameField);
  $(document).on("select2:open", nameSearch);
});
