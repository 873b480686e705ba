import fc from "fast-check";
import { expect, test } from "vitest";
import { parseScheduleId, parseTaskId, scheduleId, taskId } from "../../src/policy/ids.ts";

const domains = fc.stringMatching(/^[a-z][a-z0-9-]{0,62}$/);
const counters = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

test("ids survive the round trip, and task ids are no schedule ids", () => {
  fc.assert(
    fc.property(domains, counters, (domain, counter) => {
      expect(parseTaskId(taskId(domain, counter))).toEqual({ domain, counter });
      expect(parseScheduleId(scheduleId(domain, counter))).toEqual({ domain, counter });
      expect(parseTaskId(scheduleId(domain, counter))).toBeNull();
      expect(parseScheduleId(taskId(domain, counter))).toBeNull();
    }),
  );
});

test("only the canonical text is an id", () => {
  const ids = [
    fc.string(),
    fc.tuple(fc.string(), fc.string()).map(([a, b]) => `${a}_${b}`),
    fc.stringMatching(/^[a-z-]{1,3}_s?[0-9.e+-]{1,20}$/),
  ];
  fc.assert(
    fc.property(fc.oneof(...ids), (text) => {
      const task = parseTaskId(text);
      if (task) expect(taskId(task.domain, task.counter)).toBe(text);
      const schedule = parseScheduleId(text);
      if (schedule) expect(scheduleId(schedule.domain, schedule.counter)).toBe(text);
    }),
  );
});

test.each([
  "",
  "media",
  "media_",
  "_1",
  "media_0",
  "media_01",
  "media_-1",
  "media_+1",
  "media_1.0",
  "media_1e3",
  "media_ 1",
  "media_1 ",
  "media_1\n",
  " media_1",
  "Media_1",
  "1media_1",
  "-media_1",
  "me_dia_1",
  "media_9007199254740992",
  "media_99999999999999999999",
  "media__1",
  "mediа_1",
  `${"a".repeat(64)}_1`,
  "media_٣",
  "media_s",
  "media_s0",
  "media_s01",
  "media_S1",
  null,
  undefined,
  17,
  {},
  ["media_1"],
])("%j is refused", (text) => {
  expect(parseTaskId(text)).toBeNull();
  expect(parseScheduleId(text)).toBeNull();
});

test("the largest counter and the longest name are ids", () => {
  const domain = "a".repeat(63);
  expect(parseTaskId(`${domain}_9007199254740991`)).toEqual({ domain, counter: Number.MAX_SAFE_INTEGER });
  expect(parseScheduleId(`${domain}_s9007199254740991`)).toEqual({ domain, counter: Number.MAX_SAFE_INTEGER });
});
