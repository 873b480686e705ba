import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LongFirst } from "./test/order.ts";
import { findChromium } from "./test/browser/chromium.ts";

const src = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url));
const alias = [
  { find: /^millrace$/, replacement: src("index.ts") },
  { find: /^millrace\/client$/, replacement: src("client/index.ts") },
  { find: /^millrace\/testing$/, replacement: src("testing/index.ts") },
];

if (findChromium() === undefined)
  console.warn(
    "\n!!! No Chromium on this machine: the tests of the dashboard do NOT run. `apt-get install chromium`, or set CHROMIUM to its path.\n",
  );

/** Chance begins with the same number in every run; `npm run fuzz` tries others. */
const SEED = ["./test/seed.ts"];

/** No test judges a machine: what takes half a second on a quiet one may take a minute beside other work. */
const PATIENCE_MS = 180_000;

export default defineConfig({
  test: {
    // Much of the suite waits (for leases, restarts, processes): three files at a time keep two cores busy.
    maxWorkers: 3,
    sequence: { sequencer: LongFirst },
    provide: { seed: Number(process.env.MILLRACE_SEED ?? 1) },
    projects: [
      // Pure rules in plain Node: no I/O, no clock of their own.
      {
        resolve: { alias },
        test: {
          name: "policy",
          isolate: false,
          setupFiles: SEED,
          include: ["test/policy/**/*.test.ts"],
          environment: "node",
          testTimeout: PATIENCE_MS,
        },
      },
      // The objects, the gateway and the runner in real workerd.
      {
        plugins: [cloudflareTest({ main: "./test/worker/index.ts", wrangler: { configPath: "./test/worker/wrangler.toml" } })],
        resolve: { alias },
        test: { name: "workerd", setupFiles: SEED, include: ["test/workerd/**/*.test.ts"], testTimeout: PATIENCE_MS },
      },
      // The examples, as their own packages would test them: a domain alone in plain Node …
      {
        resolve: { alias: [{ find: /^millrace$/, replacement: src("node.ts") }, ...alias.slice(1)] },
        test: { name: "module", include: ["examples/{acme-cdn,testing}/test/**/*.test.ts"], environment: "node" },
      },
      // … and an app that mounts a mill, in workerd.
      {
        plugins: [
          cloudflareTest({
            main: "./examples/host/src/index.ts",
            wrangler: { configPath: "./examples/host/wrangler.toml" },
            miniflare: { bindings: { MILLRACE_AUTH: "open", EDITOR_TOKEN: "editor" } },
          }),
        ],
        resolve: { alias: [...alias, { find: /^acme-cdn$/, replacement: src("../examples/acme-cdn/src/index.ts") }] },
        // The first request loads the whole app.
        test: { name: "host", include: ["examples/host/test/**/*.test.ts"], testTimeout: PATIENCE_MS },
      },
      // Whole processes: `wrangler dev` started, used and killed; the packed tarball; the scripts.
      {
        resolve: { alias },
        test: {
          name: "e2e",
          setupFiles: SEED,
          include: ["test/e2e/**/*.test.ts"],
          environment: "node",
          globalSetup: "./test/e2e/assets.ts",
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      // The dashboard in a real Chromium, before a real mill.
      ...(findChromium() === undefined
        ? []
        : [
            {
              test: {
                name: "browser",
                setupFiles: SEED,
                include: ["test/browser/all.ts"],
                environment: "node" as const,
                globalSetup: ["./test/e2e/assets.ts", "./test/browser/setup.ts"],
                testTimeout: 180_000,
                hookTimeout: 180_000,
              },
            },
          ]),
    ],
  },
});
