// What this browser keeps for a person, as JSON. Without storage, as in some private windows, it
// keeps nothing.

// Return what was saved under a key, or null.
export const load = (key) => {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
};

// Return the keys that begin with `prefix`.
export const keysWith = (prefix) => {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(prefix));
  } catch {
    return [];
  }
};

// Return what was saved under those keys.
export const loadAll = (prefix) => keysWith(prefix).map(load).filter(Boolean);

// Save a value; an empty one removes the key.
export const save = (key, value) => {
  try {
    if (value) localStorage.setItem(key, JSON.stringify(value));
    else localStorage.removeItem(key);
  } catch {
    // Not kept.
  }
};
