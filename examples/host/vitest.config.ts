import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [
    cloudflareTest({
      main: "./src/index.ts",
      wrangler: { configPath: "./wrangler.toml" },
      miniflare: { bindings: { MILLRACE_AUTH: "open", EDITOR_TOKEN: "editor" } },
    }),
  ],
  test: { testTimeout: 60_000 }, // the first request loads the whole app
});
