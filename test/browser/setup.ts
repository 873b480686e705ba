import { createHash } from "node:crypto";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import type { TestProject } from "vitest/node";
import { LOCAL_WEBHOOK_SECRET } from "../../scripts/dev.mjs";
import { Mill, ROOT, temporary } from "../e2e/mill.ts";
import { findChromium } from "./chromium.ts";
import { Partner } from "./partner.ts";

/** The tokens of the mill, by role. */
export const TOKENS = { admin: "the-admin", viewer: "the-viewer", media: "media-alone" } as const;

declare module "vitest" {
  interface ProvidedContext {
    mill: string;
    partner: string;
    browser: string;
  }
}

/** One mill and one browser for all files of the project: both take seconds to start. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  rmSync(join(ROOT, ".scratch", "screenshots"), { recursive: true, force: true });
  layAssets();
  const home = temporary("browser");
  const sha256 = (token: string) => createHash("sha256").update(token).digest("hex");
  const tokens = [
    { name: "ops", sha256: sha256(TOKENS.admin), role: "admin" },
    { name: "reader", sha256: sha256(TOKENS.viewer), role: "viewer" },
    { name: "limited", sha256: sha256(TOKENS.media), role: "operator", domains: ["media"] },
  ];
  const vars = { MILLRACE_TOKENS: JSON.stringify(tokens), ALLOW_PRIVATE: "127.0.0.1", WEBHOOK_SECRET: LOCAL_WEBHOOK_SECRET };
  const [mill, partner, browser] = await Promise.all([
    Mill.start({ folder: join(import.meta.dirname, "host"), home: home.path, vars }),
    Partner.start(),
    chromium.launchServer({ executablePath: findChromium() ?? "", args: ["--no-sandbox"] }),
  ]);
  project.provide("mill", mill.url);
  project.provide("partner", partner.url);
  project.provide("browser", browser.wsEndpoint());
  return async () => {
    await Promise.all([browser.close(), partner.stop(), mill.kill9()]);
    home[Symbol.dispose]();
  };
}

/** The built page at the root and under `queue`, its headers with it, as docs/how-to/mount-in-an-app.md has it. */
function layAssets(): void {
  const built = join(ROOT, "dist", "assets");
  const laid = join(ROOT, ".scratch", "dashboard-assets");
  rmSync(laid, { recursive: true, force: true });
  for (const folder of [laid, join(laid, "queue")]) cpSync(built, folder, { recursive: true });
  const headers = readFileSync(join(built, "_headers"), "utf8");
  rmSync(join(laid, "queue", "_headers"));
  writeFileSync(join(laid, "_headers"), `${headers}\n${headers.replaceAll(/^\//gm, "/queue/")}`);
}
