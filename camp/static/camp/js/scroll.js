// Return a function that moves an element back to where it is in the window now. `find` returns it.
export const keep = (find) => {
  const top = () => find()?.getBoundingClientRect().top;
  const before = top();
  return () => {
    const moved = top() - before;
    if (moved) window.scrollBy({ top: moved, behavior: "instant" });
  };
};
