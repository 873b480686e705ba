import { useEffect, useRef } from "preact/hooks";
import { address, href } from "./address.ts";
import { refused } from "./api/ask.ts";
import { helpShown } from "./keyboard.ts";
import { lazy } from "./lazy.tsx";
import { liveliness, type Liveliness, paused, useLive } from "./live.ts";
import { Confirmation } from "./parts/dialog.tsx";
import { Help } from "./parts/help.tsx";
import { Toasts } from "./parts/toast.tsx";
import { identify, me, signOut } from "./session.ts";
import { nextTheme, theme } from "./theme.ts";
import { Overview } from "./views/overview.tsx";
import { SignIn } from "./views/sign-in.tsx";
import { Tasks } from "./views/tasks.tsx";

const Task = lazy(async () => (await import("./views/task.tsx")).TaskView);
const Failures = lazy(async () => (await import("./views/failures.tsx")).Failures);
const Schedules = lazy(async () => (await import("./views/schedules.tsx")).Schedules);
const Submit = lazy(async () => (await import("./views/submit.tsx")).Submit);
const Domains = lazy(async () => (await import("./views/domains.tsx")).Domains);
const DomainView = lazy(async () => (await import("./views/domain.tsx")).DomainView);

/** The views, by the first word of the address. */
const NAV = [
  { name: "", title: "Overview" },
  { name: "tasks", title: "Tasks" },
  { name: "failures", title: "Failures" },
  { name: "schedules", title: "Schedules" },
  { name: "domains", title: "Domains" },
  { name: "submit", title: "Submit" },
] as const;

export function App() {
  if (refused.value !== null) return <SignIn why={refused.value} />;
  return <Page />;
}

function Page() {
  useLive("me", identify, { everyMs: 60_000, concerns: () => false });
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <Header />
      <main id="main" tabIndex={-1}>
        <View />
      </main>
      {helpShown.value ? <Help /> : null}
      <Confirmation />
      <Toasts />
    </>
  );
}

/** The fragment is the address, so a link into the page would leave it. */
function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>("#main")?.focus();
}

function View() {
  const [name = "", id] = address.value.path;
  switch (name) {
    case "":
      return <Overview />;
    case "tasks":
      return id === undefined ? <Tasks /> : <Task key={id} id={id} />;
    case "failures":
      return <Failures />;
    case "schedules":
      return <Schedules />;
    case "domains":
      return id === undefined ? <Domains /> : <DomainView key={id} name={id} />;
    case "submit":
      return <Submit />;
    default:
      return (
        <div class="empty">
          <h1>There is no such page</h1>
          <a href={href([])}>Overview</a>
        </div>
      );
  }
}

function Header() {
  const [current = "", id] = address.value.path;
  useEffect(() => {
    const title = NAV.find(({ name }) => name === current)?.title;
    document.title = [id, title, "Millrace"].filter((part) => part !== undefined).join(" · ");
  }, [current, id]);
  const nav = useRef<HTMLElement>(null);
  useEffect(() => nav.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" }), [current]);
  return (
    <header class="top">
      <a class="brand" href={href([])} aria-label="Millrace, overview">
        <img src="./mark.svg" alt="" width="22" height="22" />
        <span>Millrace</span>
      </a>
      <nav ref={nav} aria-label="Views">
        {NAV.map(({ name, title }) => (
          <a key={name} href={href(name === "" ? [] : [name])} aria-current={name === current ? "page" : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <div class="row">
        <LiveButton state={liveliness.value} />
        <button type="button" class="plain" onClick={nextTheme} title="Theme (t)" aria-label={`Theme: ${theme.value}`}>
          {theme.value === "dark" ? "☾" : theme.value === "light" ? "☀" : "◐"}
        </button>
        <button type="button" class="plain" title="Keys (?)" aria-label="Keys" onClick={() => (helpShown.value = true)}>
          ?
        </button>
        {me.value && me.value.name !== "open" ? (
          <button type="button" class="plain who" title={`${me.value.name}, ${me.value.role}: sign out`} onClick={signOut}>
            {me.value.name} <span class="dim">{me.value.role}</span>
          </button>
        ) : null}
      </div>
    </header>
  );
}

const SAYS: Record<Liveliness, string> = {
  live: "live",
  polling: "polling",
  paused: "paused",
  hidden: "asleep",
  unreachable: "no answer",
};

function LiveButton({ state }: { state: Liveliness }) {
  const toggle = () => {
    paused.value = !paused.peek();
  };
  return (
    <button
      type="button"
      class={`plain live is-${state}`}
      aria-pressed={paused.value}
      title={paused.value ? "Go on" : "Hold this page still"}
      onClick={toggle}
    >
      {SAYS[state]}
    </button>
  );
}
