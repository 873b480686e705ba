import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Long files, those that mostly wait among those that mostly compute; the rest is short, and fills the gaps at the end. */
const FIRST = [
  "e2e/crash",
  "points/first",
  "points/second",
  "browser/all",
  "points/third",
  "e2e/pull",
  "e2e/demo",
  "workerd/caps",
  "e2e/readme",
  "workerd/abuse",
  "e2e/package",
  "workerd/alarm",
  "coordination/simulation",
  "coordination/group-storms",
  "workerd/coordinator-domain",
  "workerd/recover",
  "workerd/groups",
  "workerd/classics-lost",
  "workerd/classics",
];

/** One queue over all projects that may run side by side, the long files first. Without it each project waits for the last file of the one before. */
export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = FIRST.findIndex((part) => moduleId.includes(`${part}.`));
      return at < 0 ? FIRST.length : at;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}
