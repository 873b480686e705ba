/** Everything that can hold a task back together; a lane of the ready order is made of it. */
export interface LaneParts {
  /** Why the type has lanes of its own, and which: `pull:thumb`, `type:gone`; empty: it has none. */
  kind: string;
  /** Empty: no group. */
  group: string;
  /** The fair key; null: the task takes no turns. */
  fair: string | null;
}

/** The lane of a plain task. */
const PLAIN_LANE = "";

/** One name for all of it; parts hold no NUL. */
export function laneName(kind: string, group: string | null, fair: string | null): string {
  if (kind === "" && group === null && fair === null) return PLAIN_LANE;
  return `${kind}\0${group ?? ""}\0${fair === null ? "" : `=${fair}`}`;
}

/** What a lane is made of. */
export function laneParts(name: string): LaneParts {
  if (name === PLAIN_LANE) return { kind: "", group: "", fair: null };
  const [kind = "", group = "", fair = ""] = name.split("\0");
  return { kind, group, fair: fair === "" ? null : fair.slice(1) };
}
