import { defineConfig } from "vite";

// Built into the static assets that the mill's Worker serves at `/`. Paths are relative, so that a host may serve them under a prefix.
export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  // In development: a mill of `npm start` beside it.
  server: { proxy: { "/v1": { target: "http://127.0.0.1:8787", ws: true } } },
  build: {
    outDir: "../dist/assets",
    // Scalar, for the page /docs, lives in the same folder.
    emptyOutDir: false,
    assetsDir: "dashboard",
    // The policy forbids data: scripts and styles.
    assetsInlineLimit: 0,
    target: "es2023",
    modulePreload: { polyfill: false },
  },
});
