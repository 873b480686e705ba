import { type Level, Node } from "./lane-tree.ts";

/** Ready work of one group and effective priority. */
export interface ReadyLevel {
  /** null: no group. */
  group: string | null;
  priority: number;
  count: number;
  /** The lowest id of them; where a group has very many lanes, of those looked at. */
  oldest: number;
}

/** How many levels of a group are looked at for the oldest. */
const LOOK_MAX = 1_000;

/** The upper part of the ready order: kinds, and the groups of each, which can be set aside whole. */
export class LaneParents {
  private readonly root = new Node("", undefined);
  /** Kinds that the runner never gets: each an order of its own. */
  private readonly pulls = new Map<string, Node>();
  private readonly groups = new Map<string, Set<string>>();

  /** The ids that `take` can reach. */
  get readySize(): number {
    return this.root.ready;
  }

  /** Ready work by group and effective priority, most urgent first, then oldest; of one pull kind, or of what the runner gets. `mostOf`: no more of a kind can start. */
  sizeByGroupAndPriority(pull?: string, mostOf: (kind: string) => number = () => Infinity): ReadyLevel[] {
    const found = new Map<string, ReadyLevel>();
    for (const kind of pull === undefined ? this.root.children.values() : this.pullOf(pull)) {
      if (!kind.isOpen) continue;
      const most = mostOf(kind.name);
      const own = most === Infinity ? found : new Map<string, ReadyLevel>();
      for (const group of kind.children.values()) if (group.isOpen) sumUp(group, own);
      if (own !== found) cutTo(most, own, found);
    }
    return [...found.values()].sort((one, other) => one.priority - other.priority || one.oldest - other.oldest);
  }

  /** Sets everything of a kind aside, for a reason; it comes back when every reason is gone. Ids may come and go meanwhile. */
  holdKind(kind: string, reason: string): void {
    const node = this.kindOf(kind);
    if (node.reasons.has(reason)) return;
    node.reasons.add(reason);
    node.parent?.update(node);
  }

  /** Takes one reason away. */
  releaseKind(kind: string, reason: string): void {
    const node = this.root.children.get(kind) ?? this.pulls.get(kind);
    if (!node?.reasons.delete(reason)) return;
    node.parent?.update(node);
    this.forgetKind(node);
  }

  /** All ids of a kind, held or not. */
  sizeOfKind(kind: string): number {
    return (this.root.children.get(kind) ?? this.pulls.get(kind))?.total ?? 0;
  }

  /** Why a kind is held, oldest reason first; empty: it is not. */
  heldKind(kind: string): string[] {
    return [...((this.root.children.get(kind) ?? this.pulls.get(kind))?.reasons ?? [])];
  }

  /** Sets everything of a group aside, for a reason: what it has, and what comes later. O(kinds). */
  holdGroup(group: string, reason: string): void {
    const reasons = this.groups.get(group) ?? new Set();
    this.groups.set(group, reasons.add(reason));
    for (const node of this.nodesOf(group)) this.reasoned(node, (all) => all.add(reason));
  }

  /** Takes one reason away from a group; answers whether it has none left. */
  releaseGroup(group: string, reason: string): boolean {
    const reasons = this.groups.get(group);
    if (!reasons) return true;
    reasons.delete(reason);
    if (reasons.size === 0) this.groups.delete(group);
    for (const node of this.nodesOf(group)) this.reasoned(node, (all) => all.delete(reason));
    return reasons.size === 0;
  }

  /** Why a group is held, oldest reason first; empty: it is not. */
  heldGroup(group: string): string[] {
    return [...(this.groups.get(group) ?? [])];
  }

  /** Every group that is held, with its reasons. */
  heldGroups(): [group: string, reasons: string[]][] {
    return [...this.groups].map(([group, reasons]) => [group, [...reasons]]);
  }

  /** How many ids wait in kinds or groups that are held for one of these reasons. O(kinds × groups held). */
  sizeHeldFor(...wanted: string[]): number {
    const isHeld = ({ reasons }: Node): boolean => wanted.some((reason) => reasons.has(reason));
    let size = 0;
    for (const kind of this.kinds()) {
      if (isHeld(kind)) size += kind.total;
      else for (const group of this.groups.keys()) size += sizeIf(kind.children.get(group), isHeld);
    }
    return size;
  }

  /** Every level that `take` can reach, in no order. */
  *reachable(): Generator<Level> {
    for (const kind of this.root.children.values()) {
      if (!kind.isOpen) continue;
      for (const group of kind.children.values()) if (group.isOpen) yield* group.levels();
    }
  }

  /** Where the lanes of a group of that kind belong. */
  protected homeOf(kind: string, group: string): Node {
    const above = this.kindOf(kind);
    let home = above.children.get(group);
    if (!home) {
      above.children.set(group, (home = new Node(group, above)));
      for (const reason of this.groups.get(group) ?? []) home.reasons.add(reason);
    }
    return home;
  }

  protected forgetHome(home: Node): void {
    if (home.total === 0 && home.name !== "") home.parent!.children.delete(home.name);
    this.forgetKind(home.parent!);
  }

  /** The order of a pull kind, or of what the runner gets; undefined: it is held, or there is none. */
  protected orderOf(pull: string | undefined): Node | undefined {
    if (pull === undefined) return this.root;
    const node = this.pulls.get(pull);
    return node?.isOpen ? node : undefined;
  }

  private *kinds(): Generator<Node> {
    yield* this.root.children.values();
    yield* this.pulls.values();
  }

  private *nodesOf(group: string): Generator<Node> {
    for (const kind of this.kinds()) {
      const node = kind.children.get(group);
      if (node) yield node;
    }
  }

  private reasoned(node: Node, change: (reasons: Set<string>) => unknown): void {
    change(node.reasons);
    node.parent!.update(node);
  }

  private kindOf(name: string): Node {
    const isPull = name.startsWith("pull:");
    const home = isPull ? this.pulls : this.root.children;
    let node = home.get(name);
    if (!node) home.set(name, (node = new Node(name, isPull ? undefined : this.root)));
    return node;
  }

  private pullOf(name: string): Node[] {
    const node = this.pulls.get(name);
    return node ? [node] : [];
  }

  private forgetKind(kind: Node): void {
    if (kind.total > 0 || kind.reasons.size > 0 || kind.name === "") return;
    this.root.children.delete(kind.name);
    this.pulls.delete(kind.name);
  }
}

function sizeIf(node: Node | undefined, isHeld: (node: Node) => boolean): number {
  return node && isHeld(node) ? node.total : 0;
}

/** Adds the most urgent of a kind to the sums, the older first. */
function cutTo(most: number, own: ReadonlyMap<string, ReadyLevel>, found: Map<string, ReadyLevel>): void {
  let left = most;
  for (const [name, level] of [...own].sort(([, one], [, other]) => one.priority - other.priority || one.oldest - other.oldest)) {
    const count = Math.min(left, level.count);
    if (count === 0) return;
    left -= count;
    join(name, { ...level, count }, found);
  }
}

/** Adds what a group has ready to the sums. */
function sumUp(group: Node, found: Map<string, ReadyLevel>): void {
  const own = new Map<number, ReadyLevel>();
  for (const [priority, count] of group.byRank) own.set(priority, { group: group.name || null, priority, count, oldest: Infinity });
  let looked = 0;
  let least = Infinity;
  for (const { rank, head } of group.levels()) {
    if ((looked += 1) > LOOK_MAX) break;
    const sum = own.get(rank)!;
    if (head < sum.oldest) sum.oldest = head;
    least = Math.min(least, head);
  }
  for (const level of own.values()) {
    if (level.oldest === Infinity) level.oldest = least;
    join(`${level.priority} ${group.name}`, level, found);
  }
}

function join(name: string, level: ReadyLevel, found: Map<string, ReadyLevel>): void {
  const sum = found.get(name);
  if (sum === undefined) found.set(name, level);
  else {
    sum.count += level.count;
    sum.oldest = Math.min(sum.oldest, level.oldest);
  }
}
