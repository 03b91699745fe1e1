// A picture that is none (.thumb img) leaves its place to the icon below it.
(() => {
  const isBroken = (image) => image.complete && !image.naturalWidth;

  document.addEventListener(
    "error",
    (event) => {
      if (event.target.matches?.(".thumb img")) event.target.remove();
    },
    true,
  );
  for (const image of document.querySelectorAll(".thumb img")) if (isBroken(image)) image.remove();
})();
