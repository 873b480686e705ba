import fc from "fast-check";
import { expect, test } from "vitest";
import { nextAfter, nextFive, parseCron, parseEvery, parseTimezone } from "../../src/policy/recurrence.ts";

const refused = expect.objectContaining({ code: "invalid_request" });
const ms = (instant: string) => Date.parse(instant);

/** The next times after an instant, as `2026-03-29T01:00Z`. */
function times(cron: string, timezone: string, after: string, count: number): string[] {
  const rule = parseCron(cron, timezone);
  const found: string[] = [];
  for (let time = nextAfter(rule, ms(after)); time !== null && found.length < count; time = nextAfter(rule, time)) {
    found.push(new Date(time).toISOString().replace(":00.000Z", "Z"));
  }
  return found;
}

// Every instant below was worked out by hand from the zone's offsets.
test.each([
  // Berlin: 2026-03-29 02:00 +1 → 03:00 +2; 2026-10-25 03:00 +2 → 02:00 +1.
  [
    "Europe/Berlin",
    "a skipped time fires at the first moment after",
    "30 2 * * *",
    "2026-03-28T12:00Z",
    ["2026-03-29T01:00Z", "2026-03-30T00:30Z"],
  ],
  [
    "Europe/Berlin",
    "once, however many times were skipped",
    "0,20,40 2 * * *",
    "2026-03-28T12:00Z",
    ["2026-03-29T01:00Z", "2026-03-30T00:00Z"],
  ],
  [
    "Europe/Berlin",
    "and not twice with one that is due just then",
    "0 2,3 * * *",
    "2026-03-28T12:00Z",
    ["2026-03-29T01:00Z", "2026-03-30T00:00Z", "2026-03-30T01:00Z"],
  ],
  [
    "Europe/Berlin",
    "a repeated time fires once, the first time",
    "30 2 * * *",
    "2026-10-24T12:00Z",
    ["2026-10-25T00:30Z", "2026-10-26T01:30Z"],
  ],
  ["Europe/Berlin", "also when asked between the two", "30 2 * * *", "2026-10-25T00:45Z", ["2026-10-26T01:30Z"]],
  [
    "Europe/Berlin",
    "*/15 goes on through the gap",
    "*/15 * * * *",
    "2026-03-29T00:40Z",
    ["2026-03-29T00:45Z", "2026-03-29T01:00Z", "2026-03-29T01:15Z"],
  ],
  [
    "Europe/Berlin",
    "*/15 fires in both repeated hours",
    "*/15 * * * *",
    "2026-10-25T00:30Z",
    ["2026-10-25T00:45Z", "2026-10-25T01:00Z", "2026-10-25T01:15Z", "2026-10-25T01:30Z", "2026-10-25T01:45Z", "2026-10-25T02:00Z"],
  ],
  [
    "Europe/Berlin",
    "an hourly rule fires every real hour",
    "30 * * * *",
    "2026-10-25T00:00Z",
    ["2026-10-25T00:30Z", "2026-10-25T01:30Z", "2026-10-25T02:30Z"],
  ],
  // New York: 2026-03-08 02:00 -5 → 03:00 -4; 2026-11-01 02:00 -4 → 01:00 -5.
  ["America/New_York", "skipped", "15 2 * * *", "2026-03-07T12:00Z", ["2026-03-08T07:00Z", "2026-03-09T06:15Z"]],
  ["America/New_York", "repeated", "15 1 * * *", "2026-10-31T12:00Z", ["2026-11-01T05:15Z", "2026-11-02T06:15Z"]],
  ["America/New_York", "working days", "0 9 * * MON-FRI", "2026-03-06T13:00Z", ["2026-03-06T14:00Z", "2026-03-09T13:00Z"]],
  // Lord Howe: 2026-10-04 02:00 +10:30 → 02:30 +11; 2026-04-05 02:00 +11 → 01:30 +10:30.
  ["Australia/Lord_Howe", "half an hour skipped", "15 2 * * *", "2026-10-02T16:00Z", ["2026-10-03T15:30Z", "2026-10-04T15:15Z"]],
  ["Australia/Lord_Howe", "half an hour repeated", "45 1 * * *", "2026-04-03T15:00Z", ["2026-04-04T14:45Z", "2026-04-05T15:15Z"]],
  [
    "Australia/Lord_Howe",
    "*/15 in both repeated half hours",
    "*/15 * * * *",
    "2026-04-04T14:45Z",
    ["2026-04-04T15:00Z", "2026-04-04T15:15Z", "2026-04-04T15:30Z"],
  ],
  // São Paulo: 2018-11-04 00:00 -3 → 01:00 -2 (midnight does not exist); 2018-02-18 00:00 -2 → 2018-02-17 23:00 -3.
  ["America/Sao_Paulo", "a skipped midnight", "0 0 * * *", "2018-11-03T12:00Z", ["2018-11-04T03:00Z", "2018-11-05T02:00Z"]],
  [
    "America/Sao_Paulo",
    "a repeated evening",
    "30 23 * * *",
    "2018-02-17T00:00Z",
    ["2018-02-17T01:30Z", "2018-02-18T01:30Z", "2018-02-19T02:30Z"],
  ],
  // Casablanca: 2018-05-13 03:00 +1 → 02:00 +0 (Ramadan); 2018-06-17 02:00 +0 → 03:00 +1.
  ["Africa/Casablanca", "repeated", "30 2 * * *", "2018-05-12T12:00Z", ["2018-05-13T01:30Z", "2018-05-14T02:30Z"]],
  ["Africa/Casablanca", "skipped", "30 2 * * *", "2018-06-16T12:00Z", ["2018-06-17T02:00Z", "2018-06-18T01:30Z"]],
  // Kolkata: +5:30 all year.
  ["Asia/Kolkata", "no change in spring", "30 2 * * *", "2026-03-28T12:00Z", ["2026-03-28T21:00Z", "2026-03-29T21:00Z"]],
  [
    "Asia/Kolkata",
    "no change in autumn",
    "*/30 2 * * *",
    "2026-10-24T12:00Z",
    ["2026-10-24T20:30Z", "2026-10-24T21:00Z", "2026-10-25T20:30Z"],
  ],
])("[schedules] #37 %s: %s", (timezone, _, cron, after, expected) => {
  expect(times(cron, timezone, after, expected.length)).toEqual(expected);
});

test.each([
  ["0 0 29 2 *", ["2028-02-29T00:00Z", "2032-02-29T00:00Z"]],
  ["0 0 31 * *", ["2026-01-31T00:00Z", "2026-03-31T00:00Z", "2026-05-31T00:00Z"]],
  ["0 0 L * *", ["2026-01-31T00:00Z", "2026-02-28T00:00Z"]],
  ["0 0 * * 7", ["2026-01-18T00:00Z", "2026-01-25T00:00Z"]],
  ["0 0 * * 0", ["2026-01-18T00:00Z", "2026-01-25T00:00Z"]],
  ["0 0 * * sun", ["2026-01-18T00:00Z", "2026-01-25T00:00Z"]],
  ["0 0 17 * 1", ["2026-01-17T00:00Z", "2026-01-19T00:00Z", "2026-01-26T00:00Z", "2026-02-02T00:00Z"]],
  ["0 0 * * 5#3", ["2026-01-16T00:00Z", "2026-02-20T00:00Z"]],
  ["0 0 * * FRI#L", ["2026-01-30T00:00Z", "2026-02-27T00:00Z"]],
  ["0 0 * JAN,MAR 1", ["2026-01-19T00:00Z", "2026-01-26T00:00Z", "2026-03-02T00:00Z"]],
  ["0 0 ? * 1-5/2", ["2026-01-16T00:00Z", "2026-01-19T00:00Z", "2026-01-21T00:00Z"]],
  ["*/20 59 23 31 12 *", ["2026-12-31T23:59Z", "2026-12-31T23:59:20.000Z"]],
  ["@hourly", ["2026-01-15T01:00Z", "2026-01-15T02:00Z"]],
  ["@Daily", ["2026-01-16T00:00Z", "2026-01-17T00:00Z"]],
  ["@weekly", ["2026-01-18T00:00Z", "2026-01-25T00:00Z"]],
  ["@monthly", ["2026-02-01T00:00Z", "2026-03-01T00:00Z"]],
  ["@yearly", ["2027-01-01T00:00Z", "2028-01-01T00:00Z"]],
])("[schedules] #38 %s, from 15 January 2026 in UTC", (cron, expected) => {
  expect(times(cron, "UTC", "2026-01-15T00:00Z", expected.length)).toEqual(expected);
});

test.each(["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 0 31 2 *"])("[schedules] #38 %s never fires, and says so", (cron) => {
  const rule = parseCron(cron, "Europe/Berlin");
  expect(nextAfter(rule, ms("2026-01-01T00:00Z"))).toBeNull();
  expect(nextFive(rule, ms("2026-01-01T00:00Z"))).toEqual([]);
});

test.each([
  "",
  " ",
  "* * * *",
  "* * * * * * *",
  "0 0 1 1 * 2030",
  "60 * * * *",
  "* 24 * * *",
  "* * 0 * *",
  "* * 32 * *",
  "* * * 13 *",
  "* * * * 8",
  "* * * * 5#6",
  "5-1 * * * *",
  "*/0 * * * *",
  "1/5 * * * *",
  "1,,2 * * * *",
  "-1 * * * *",
  "1.5 * * * *",
  "0x1 * * * *",
  "a b c d e",
  "0 0 * * MOON",
  "2026-01-01T00:00:00",
  "0 0 13 * +5",
  "0\n0 * * *",
  "@reboot",
  "@every 5m",
  "@dayly",
  "00 ٣ * * *",
  "0".repeat(129),
  `${"1,".repeat(100)}1 * * * *`,
  null,
  undefined,
  5,
  {},
  ["* * * * *"],
])("[schedules] #38 cron %j is refused", (cron) => {
  expect(() => parseCron(cron)).toThrow(refused);
});

test("refusals help", () => {
  expect(() => parseCron("* * * *")).toThrow(/5 fields .* or 6/);
  expect(() => parseCron("0 24 * * *")).toThrow(/hour: 24/);
  expect(() => parseCron("0 0 32 * *")).toThrow(/day: 32/);
  expect(() => parseCron("0 0 0 * *")).toThrow(/day: 0/);
  expect(() => parseCron("0 0 * 13 *")).toThrow(/month: 13/);
  expect(() => parseCron("0 0 * * 8")).toThrow(/dayOfWeek: 8/);
  expect(() => parseCron("@dayly")).toThrow(/did you mean @daily\?/);
  expect(() => parseCron("@every 5m")).toThrow(/use "every"/);
  expect(() => parseCron("* * * * *", "Europe/Berln")).toThrow(/did you mean "Europe\/Berlin"\?/);
  expect(() => parseTimezone("berlin")).toThrow(/did you mean "Europe\/Berlin"\?/);
  expect(() => parseTimezone("new york")).toThrow(/did you mean "America\/New_York"\?/);
  expect(() => parseEvery("0.5s")).toThrow(/at least 1 second/);
});

test.each(["", "+01:00", "Europe/Berlin\0", "../etc", "Nope", "x".repeat(1_000), null, 1, {}])("time zone %j is refused", (timezone) => {
  expect(() => parseTimezone(timezone)).toThrow(refused);
});

test("[schedules] #38 whatever the text, the answer is a rule that can be asked, or invalid_request", () => {
  const field = fc.stringMatching(/^[0-9*?LW#,/-]{1,6}$/);
  const text = fc.oneof(
    fc.string(),
    fc.array(field, { minLength: 5, maxLength: 6 }).map((fields) => fields.join(" ")),
  );
  fc.assert(
    fc.property(text, (cron) => {
      let rule;
      try {
        rule = parseCron(cron, "UTC");
      } catch (error) {
        expect(error).toEqual(refused);
        return;
      }
      const next = nextAfter(rule, 0);
      if (next !== null) expect(next).toBeGreaterThan(0);
    }),
    { numRuns: 500 },
  );
});

test("[schedules] a fixed rate keeps to anchor + n × every", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1_000, max: 1e11 }),
      fc.integer({ min: 0, max: 4e12 }),
      fc.integer({ min: 0, max: 8e12 }),
      (everyMs, anchorMs, after) => {
        const next = nextAfter({ everyMs, anchorMs }, after)!;
        expect(next).toBeGreaterThan(after);
        expect((next - anchorMs) % everyMs).toBe(0);
        expect(next).toBeGreaterThanOrEqual(anchorMs);
        expect(next === anchorMs || next - everyMs <= after).toBe(true);
      },
    ),
  );
  expect(nextFive({ everyMs: 1_000, anchorMs: 500 }, 1_500)).toEqual([2_500, 3_500, 4_500, 5_500, 6_500]);
});

/** An independent judge: walks real time minute by minute and reads the zone's clock from `Intl`. */
function judge(zone: string, minutes: number[] | null, hours: number[] | null, fromMs: number, toMs: number): number[] {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
  });
  const clock = (instant: number) => {
    const part = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)])) as Record<
      string,
      number
    >;
    return Date.UTC(part["year"]!, part["month"]! - 1, part["day"]!, part["hour"]!, part["minute"]!);
  };
  const matches = (local: number) =>
    (minutes?.includes(new Date(local).getUTCMinutes()) ?? true) && (hours?.includes(new Date(local).getUTCHours()) ?? true);
  const fires: number[] = [];
  // How far the local clock has come: at or before it is a repetition, a jump beyond it a gap.
  let reached = clock(fromMs - 86_400_000);
  for (let instant = fromMs - 86_400_000; instant <= toMs; instant += 60_000) {
    const local = clock(instant);
    let fire = false;
    if (!minutes || !hours) fire = matches(local);
    else for (let passed = reached + 60_000; passed <= local; passed += 60_000) fire ||= matches(passed);
    reached = Math.max(reached, local);
    if (fire && instant > fromMs) fires.push(instant);
  }
  return fires;
}

test("[schedules] #37 around every change of the clock cron agrees with a minute-by-minute judge", { timeout: 60_000 }, () => {
  const changes = [
    ["Europe/Berlin", "2026-03-29T01:00Z"],
    ["Europe/Berlin", "2026-10-25T01:00Z"],
    ["America/New_York", "2026-03-08T07:00Z"],
    ["America/New_York", "2026-11-01T06:00Z"],
    ["Australia/Lord_Howe", "2026-10-03T15:30Z"],
    ["Australia/Lord_Howe", "2026-04-04T15:00Z"],
    ["America/Sao_Paulo", "2018-11-04T03:00Z"],
    ["America/Sao_Paulo", "2018-02-18T02:00Z"],
    ["Africa/Casablanca", "2018-05-13T02:00Z"],
    ["Africa/Casablanca", "2018-06-17T02:00Z"],
    ["Asia/Kolkata", "2026-03-29T01:00Z"],
  ] as const;
  const list = (below: number) => fc.option(fc.uniqueArray(fc.nat(below - 1), { minLength: 1, maxLength: 4 }), { freq: 4 });
  const hours = fc.option(
    fc.oneof(
      fc.uniqueArray(fc.constantFrom(0, 1, 2, 3, 23), { minLength: 1, maxLength: 4 }),
      fc.uniqueArray(fc.nat(23), { minLength: 1, maxLength: 4 }),
    ),
    { freq: 4 },
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...changes),
      list(60),
      hours,
      fc.integer({ min: -300, max: 60 }),
      ([zone, change], minutes, hour, offset) => {
        const from = ms(change) + offset * 60_000;
        const to = ms(change) + 300 * 60_000;
        const rule = parseCron(`${minutes?.join(",") ?? "*"} ${hour?.join(",") ?? "*"} * * *`, zone);
        const fires: number[] = [];
        for (let time = nextAfter(rule, from); time !== null && time <= to; time = nextAfter(rule, time)) fires.push(time);
        expect(fires).toEqual(judge(zone, minutes, hour, from, to));
      },
    ),
    { numRuns: 150 },
  );
});
