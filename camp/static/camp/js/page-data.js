// Return what a template left for the scripts with the json_script filter.
export const pageData = (id, page = document) => JSON.parse(page.getElementById(id).textContent);
