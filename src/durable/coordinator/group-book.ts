import type { Registry } from "../../domains/definition.ts";
import type { GroupPolicy } from "../../policy/coordination/groups.ts";
import type { GroupView } from "../../policy/coordination/view.ts";
import { fail } from "../../policy/errors.ts";
import { checkRules, type CheckedChange, type GroupChange, mergeRules, parseGroupRules } from "../../policy/group-rules.ts";
import { GROUP_NAME_RULE, isGroupName } from "../../policy/names.ts";
import type { CoordinatorStore } from "./store.ts";

/** So many groups may have live settings. */
const LIVE_MAX = 1_000;

/** What holds for each group: the live settings, which are stored, over those of the code. */
export class GroupBook {
  readonly #registry: Registry;
  readonly #store: CoordinatorStore;
  readonly #live: Map<string, CheckedChange>;

  constructor(registry: Registry, store: CoordinatorStore) {
    this.#registry = registry;
    this.#store = store;
    this.#live = store.groups();
  }

  get policy(): GroupPolicy {
    const rules = new Map(this.#registry.groups);
    for (const [group, live] of this.#live) rules.set(group, mergeRules(rules.get(group) ?? {}, live));
    const live = this.#store.defaultGroupCap();
    return { rules, defaultMaxConcurrency: live === undefined ? this.#registry.defaultGroupMaxConcurrency : live };
  }

  /**
   * Changes a group's settings for good; part of a transaction.
   *
   * @throws `invalid_request` for a name or settings that cannot be, when nothing is to change, or for more than 1,000 groups
   */
  set(group: string, change: GroupChange): void {
    checkName(group);
    const checked = parseGroupRules(change);
    if (Object.keys(checked).length === 0) {
      const message = "Nothing is to change; give maxConcurrency, weight, minSlots or rate (null: as the code says).";
      throw fail("invalid_request", message, { issues: [{ path: "maxConcurrency", message: "missing" }] });
    }
    const live = Object.entries({ ...this.#live.get(group), ...checked }).filter(([, value]) => value !== null);
    const after = Object.fromEntries(live) as CheckedChange;
    checkRules(mergeRules(this.#registry.groups.get(group) ?? {}, after));
    if (live.length === 0) {
      this.#live.delete(group);
      this.#store.setGroup(group, null);
      return;
    }
    if (!this.#live.has(group) && this.#live.size >= LIVE_MAX) {
      const message = `More than ${LIVE_MAX} groups have settings of their own; set one back first (null), or use defaultGroupMaxConcurrency.`;
      throw fail("invalid_request", message, { issues: [{ path: "group", message: "too many" }] });
    }
    this.#live.set(group, after);
    this.#store.setGroup(group, after);
  }
}

/** The group of that name, also when nothing is known of it. */
export function viewOf(views: readonly GroupView[], group: string, policy: GroupPolicy): GroupView {
  const found = views.find(({ name }) => name === group);
  if (found !== undefined) return found;
  const maxConcurrency = policy.defaultMaxConcurrency;
  return { name: group, allocated: 0, running: 0, pending: 0, maxConcurrency, weight: 1, minSlots: 0, rate: null };
}

function checkName(group: string): void {
  if (isGroupName(group)) return;
  const message = `${JSON.stringify(group)} cannot name a group; a name is ${GROUP_NAME_RULE}.`;
  throw fail("invalid_request", message, { issues: [{ path: "group", message: "not a name" }] });
}
