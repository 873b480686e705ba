import { describe, test } from "vitest";
import { crashAtPoints, passEveryPoint } from "../../worker/crashes.ts";

describe("#2 a crash at every point, the first third", () => {
  test("every point of the source is passed by the workload", passEveryPoint, 180_000);
  crashAtPoints(0, 3);
});
