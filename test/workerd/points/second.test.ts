import { describe, test } from "vitest";
import { crashAtPoints, passEveryPoint } from "../../worker/crashes.ts";

describe("#2 a crash at every point, the second third", () => {
  test("every point of the source is passed by the workload", passEveryPoint, 180_000);
  crashAtPoints(1, 3);
});
