import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";

/** `system` follows the machine. */
export type Theme = "system" | "light" | "dark";
const THEMES: readonly Theme[] = ["system", "light", "dark"];
const KEY = "millrace.theme";

const stored = localStorage.getItem(KEY);
export const theme = signal<Theme>(THEMES.find((one) => one === stored) ?? "system");
effect(() => {
  document.documentElement.dataset.theme = theme.value;
  localStorage.setItem(KEY, theme.value);
});

const system = matchMedia("(prefers-color-scheme: dark)");
const systemDark = signal(system.matches);
system.addEventListener("change", () => {
  systemDark.value = system.matches;
});
/** Whether the page is dark just now: for what is drawn, and not styled. */
export const isDark: ReadonlySignal<boolean> = computed(() => (theme.value === "system" ? systemDark.value : theme.value === "dark"));

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? "system";
}
