import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, inject } from "vitest";
import { ROOT } from "../e2e/mill.ts";
import { TOKENS } from "./setup.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SHOTS = join(ROOT, ".scratch", "screenshots");
const SIZES = { wide: { width: 1280, height: 860 }, narrow: { width: 380, height: 760 } } as const;
const LOOKS = [
  ["light", "wide"],
  ["dark", "wide"],
  ["light", "narrow"],
  ["dark", "narrow"],
] as const;

/** All rules of axe once (the empty list); then those that another theme and width can change. */
const RULES: Readonly<Record<string, readonly string[]>> = {
  "light wide": [],
  "dark narrow": ["color-contrast", "target-size", "scrollable-region-focusable"],
};

/** The browser of this file: call it at its top. */
export function useBrowser(): { open: (hash?: string, token?: string | null, prefix?: string) => Promise<Visit> } {
  let browser: Browser;
  const visits: Visit[] = [];
  let closed = 0;
  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true });
    browser = await chromium.connect(inject("browser"));
  });
  afterAll(async () => {
    await browser?.close();
    expect(
      visits.flatMap(({ complaints }) => complaints),
      "errors in the console, and breaches of the policy",
    ).toEqual([]);
  });
  // An open page goes on asking and drawing while the next test runs.
  afterEach(async () => {
    for (const visit of visits.slice(closed)) await visit.page.context().close();
    closed = visits.length;
  });
  return {
    open: async (hash = "#/", token = TOKENS.admin, prefix = "/") => {
      const context = await browser.newContext({ viewport: SIZES.wide, colorScheme: "light", reducedMotion: "reduce" });
      if (token !== null) await context.addInitScript((value) => sessionStorage.setItem("millrace.token", value), token);
      const visit = new Visit(await context.newPage());
      visits.push(visit);
      await visit.page.goto(`${inject("mill")}${prefix}${hash}`);
      return visit;
    },
  };
}

/** A tab with the dashboard, and what it complained of. */
export class Visit {
  readonly page: Page;
  readonly complaints: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.setDefaultTimeout(60_000);
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (message) => {
      // A refusal of the mill is shown in the page; that the browser notes it, too, is no fault of the page.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) this.complaints.push(message.text());
    });
    page.on("request", (request) => {
      if (new URL(request.url()).origin !== inject("mill")) this.complaints.push(`asks another host: ${request.url()}`);
    });
  }

  /** Goes to another view, without a reload. */
  async go(hash: string): Promise<void> {
    await this.page.evaluate((to) => {
      location.hash = to;
    }, hash);
  }

  /** Looks at the view as it stands in every size and theme: nothing sticks out, axe finds nothing, a picture of each is kept. */
  async look(name: string): Promise<void> {
    for (const [scheme, size] of LOOKS) {
      await this.page.emulateMedia({ colorScheme: scheme });
      await this.page.setViewportSize(SIZES[size]);
      await this.#settle();
      const wider = await this.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(wider, `${name} is wider than a ${size} window`).toBeLessThanOrEqual(0);
      await this.page.screenshot({ path: join(SHOTS, `${name}-${scheme}-${size}.png`) });
      const rules = RULES[`${scheme} ${size}`];
      if (rules) expect(await this.#axe(rules), `axe on ${name}, ${scheme}, ${size}`).toEqual([]);
    }
    await this.page.emulateMedia({ colorScheme: "light" });
    await this.page.setViewportSize(SIZES.wide);
  }

  /** Waits until it is drawn in this size and theme: fonts, transitions, and what a resize makes the page do. */
  async #settle(): Promise<void> {
    await this.page.evaluate(async () => {
      await document.fonts.ready;
      for (let frames = 0; frames < 3; frames += 1) await new Promise(requestAnimationFrame);
      const moving = document.getAnimations().filter(({ effect }) => effect?.getComputedTiming().endTime !== Number.POSITIVE_INFINITY);
      await Promise.allSettled(moving.map(({ finished }) => finished));
    });
  }

  async #axe(rules: readonly string[]): Promise<string[]> {
    await this.page.evaluate(`${AXE};0`);
    return this.page.evaluate(async (only) => {
      // Behind an open dialog nothing can be reached, which axe does not know: what it half covers is no finding.
      const context = document.querySelector("dialog[open]") ?? document;
      const { violations } = await (globalThis as any).axe.run(context, only.length === 0 ? {} : { runOnly: only });
      return violations.map(
        (one: any) => `${one.id}: ${one.nodes.map((node: any) => `${node.html.slice(0, 160)} ${node.failureSummary}`).join("\n")}`,
      );
    }, rules);
  }
}
