import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root. */
export const root = fileURLToPath(new URL("..", import.meta.url).href);

/** The environment in which the tools of `node_modules` run: their own Node first, and nothing sent home. */
export function toolEnvironment() {
  const bin = join(root, "node_modules", ".bin");
  return {
    ...process.env,
    PATH: `${bin}${delimiter}${process.env.PATH ?? ""}`,
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
  };
}

/** @param {string} path @returns {Record<string, { version?: string, optional?: boolean, devOptional?: boolean }> | undefined} */
function packagesOf(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), "utf8")).packages;
  } catch {
    return undefined;
  }
}

/** Whether `node_modules` holds what the lock file asks for, as npm noted it itself after its last install. */
export function isInstalled() {
  const wanted = packagesOf("package-lock.json");
  const present = packagesOf("node_modules/.package-lock.json");
  if (!wanted || !present) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    // Optional packages belong to other platforms as a rule.
    if (path === "" || ((entry.optional || entry.devOptional) && !present[path])) return true;
    return present[path]?.version === entry.version;
  });
}

/** Installs what the lock file says, unless it is there already; ends the process when that fails. */
export function installIfNeeded() {
  if (isInstalled()) return;
  console.log("Installing dependencies (npm ci), once …");
  const result = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (result.status !== 0) {
    console.error("npm ci failed. Is the registry reachable? Then run it again; it picks up where it stopped.");
    process.exit(result.status ?? 1);
  }
}
