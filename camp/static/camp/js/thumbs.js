// A picture that is none (.thumb img) leaves its place to the icon below it. One that is still
// being made comes as a single pixel: it is asked for again, a few times.
(() => {
  const PICTURES = ".thumb img, .preview img";
  const DELAYS = [1000, 2000, 4000, 8000, 16000]; // milliseconds
  const tries = new WeakMap();

  const isBroken = (image) => image.complete && !image.naturalWidth;
  const isPending = (image) => image.complete && image.naturalWidth === 1;

  function askAgain(image) {
    const count = tries.get(image) ?? 0;
    if (count === DELAYS.length) return;
    tries.set(image, count + 1);
    setTimeout(() => {
      const address = new URL(image.src);
      address.searchParams.set("again", count + 1);
      image.src = address;
    }, DELAYS[count]);
  }

  document.addEventListener(
    "error",
    (event) => {
      if (event.target.matches?.(".thumb img")) event.target.remove();
    },
    true,
  );
  document.addEventListener(
    "load",
    (event) => {
      if (event.target.matches?.(PICTURES) && isPending(event.target)) askAgain(event.target);
    },
    true,
  );
  for (const image of document.querySelectorAll(PICTURES)) {
    if (isPending(image)) askAgain(image);
    else if (isBroken(image) && image.matches(".thumb img")) image.remove();
  }
})();
