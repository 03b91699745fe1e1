// After a form came back with errors, focus the first invalid field.
document.querySelector("[aria-invalid='true']:not([type='hidden'])")?.focus();
