// The message that the next one answers ([data-reply]) is named once: what is sent without leaving
// the page (see compose.js) answers it, and nothing after that.
document.getElementById("compose")?.addEventListener("sent", ({ currentTarget }) => {
  const reply = currentTarget.querySelector("[data-reply]");
  if (!reply) return;
  reply.remove();
  const url = new URL(location.href);
  url.searchParams.delete("reply");
  history.replaceState(history.state, "", url);
});
