// After a form came back with errors, start at the first field that needs attention.
(() => {
  const field = document.querySelector("[aria-invalid='true']:not([type='hidden'])");
  if (field) field.focus();
})();
