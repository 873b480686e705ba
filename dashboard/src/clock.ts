import { signal } from "@preact/signals";

/** Now, in epoch ms; ticks once a second, so that relative times move together. */
export const now = signal(Date.now());
setInterval(() => {
  if (document.visibilityState === "visible") now.value = Date.now();
}, 1_000);
document.addEventListener("visibilitychange", () => {
  now.value = Date.now();
});
