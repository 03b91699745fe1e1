// Thumbnails: one that fails to load gives way to the icon below it. The server sends a single
// pixel while a thumbnail is being made; it is then requested again, a few times.
const IMAGES = ".thumb img, .preview img, .picture img";
const DELAYS = [1000, 2000, 4000, 8000, 16000]; // ms
const attempts = new WeakMap();

const retryIfPending = (image) => {
  const count = attempts.get(image) ?? 0;
  if (!image.complete || image.naturalWidth !== 1 || count === DELAYS.length) return;
  attempts.set(image, count + 1);
  setTimeout(() => {
    const url = new URL(image.src);
    url.searchParams.set("again", count + 1);
    image.src = url;
  }, DELAYS[count]);
};

// Neither event bubbles, so both are captured.
const listen = (type, selector, handle) =>
  document.addEventListener(
    type,
    ({ target }) => {
      if (target.matches?.(selector)) handle(target);
    },
    true,
  );
listen("error", ".thumb img", (image) => image.remove());
listen("load", IMAGES, retryIfPending);

for (const image of document.querySelectorAll(IMAGES)) {
  if (image.complete && !image.naturalWidth && image.matches(".thumb img")) image.remove();
  else retryIfPending(image);
}
