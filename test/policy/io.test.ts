import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineDomain } from "../../src/domains/define.ts";
import { addIo, AXES, type IoByAxis, parseIo, showIo } from "../../src/policy/io.ts";
import { IoMeter } from "../../src/policy/io-meter.ts";
import { buildRegistry } from "../../src/registry.ts";

const payload = z.object({});

describe("[IO budgets] what a type expects", () => {
  test("is said by axis, and read back as it was said", () => {
    const io = { disk: { read: 0 }, net: { rx: 1_000_000, tx: 200_000 } };
    expect(parseIo(io)).toEqual({ "disk.read": 0, "net.rx": 1_000_000, "net.tx": 200_000 });
    expect(showIo(parseIo(io))).toEqual(io);
    expect([showIo(null), showIo({})]).toEqual([null, null]);
  });

  test("everything wrong with it is told, by createMill too", () => {
    const wrong = { net: { rx: -1, tz: 3 }, disc: { read: 1 }, disk: 7 };
    expect(() => parseIo(wrong)).toThrow(/io\.disc: .*"disk".*io\.net\.tz: .*"tx".*io\.net\.rx.*io\.disk/s);
    expect(() => parseIo({})).toThrow(/says nothing/);
    const media = defineDomain("media").task("resize", { payload, io: wrong as never, execute: () => 1 });
    expect(() => buildRegistry({ domains: [media] })).toThrow(/media::resize: .*io\.net\.rx/);
  });

  test("what is recorded adds up; what is no number of bytes counts as none", () => {
    const once = addIo(undefined, { net: { rx: 10 }, disk: { write: 2.6 } });
    expect(addIo(once, { net: { rx: 5, tx: Number.NaN }, disk: { read: -3 } })).toEqual({ "net.rx": 15, "disk.write": 3 });
    expect(addIo(once, null as never)).toEqual(once);
  });
});

describe("[IO budgets] the meter", () => {
  const MB = 1_000_000;

  test("without an observation there is no limit, and nothing recorded is none", () => {
    const meter = new IoMeter();
    for (let n = 0; n < 100; n += 1) meter.begin({ "net.rx": 50 * MB }, 0);
    expect(meter.overdraft({ "net.rx": 50 * MB })).toBeUndefined();
    for (let n = 0; n < 100; n += 1) expect(meter.end({ "net.rx": 50 * MB }, 10_000)).toBe(false);
    expect(meter.rates).toEqual({});
  });

  test("0.8 of what it moves in 2 s may be under way; one may always run", () => {
    const meter = new IoMeter();
    meter.begin({ "net.rx": MB }, 0);
    expect(meter.end({ "net.rx": MB }, 1_000, { "net.rx": MB })).toBe(true);
    expect(meter.rates).toEqual({ "net.rx": MB });
    expect(meter.overdraft({ "net.rx": 100 * MB })).toBeUndefined();
    meter.begin({ "net.rx": MB }, 1_000);
    expect(meter.overdraft({ "net.rx": 600_000 })).toBeUndefined();
    expect(meter.overdraft({ "net.rx": 600_001 })).toEqual({ axis: "net.rx", running: MB, own: 600_001, limit: 1_600_000, rate: MB });
    // Another axis is another budget.
    expect(meter.overdraft({ "net.tx": 900 * MB })).toBeUndefined();
  });

  test("the first sample counts whole, the next ones three tenths; time in which nothing ran counts nothing", () => {
    const meter = new IoMeter();
    meter.begin({ "disk.read": 1 }, 0);
    meter.end({ "disk.read": 1 }, 1_000, { "disk.read": 1_000 });
    meter.begin({ "disk.read": 1 }, 900_000);
    meter.end({ "disk.read": 1 }, 902_000, { "disk.read": 4_000 });
    expect(meter.rates["disk.read"]).toBeCloseTo(1_300);
    expect(new IoMeter(meter.rates).rates).toEqual(meter.rates);
  });

  test("whatever begins and ends, the budget is that of what is under way, and the rate within what was seen", () => {
    const io = fc.dictionary(fc.constantFrom(...AXES), fc.integer({ min: 0, max: 1_000 }), { minKeys: 1 }) as fc.Arbitrary<IoByAxis>;
    const step = fc.record({ io, moved: io, ms: fc.nat(1_500), begins: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const meter = new IoMeter();
        const running: IoByAxis[] = [];
        let now = 0;
        for (const { io: expected, moved, ms, begins } of steps) {
          now += ms;
          if (begins || running.length === 0) {
            meter.begin(expected, now);
            running.push(expected);
          } else meter.end(running.shift()!, now, moved);
          for (const axis of AXES) {
            const under = running.filter((one) => one[axis] !== undefined);
            const sum = under.reduce((all, one) => all + one[axis]!, 0);
            const rate = meter.rates[axis];
            const over = meter.overdraft({ [axis]: 500 });
            const limit = Math.round(0.8 * (rate ?? 0) * 2);
            expect(over === undefined).toBe(under.length === 0 || rate === undefined || sum + 500 <= limit);
            if (over) expect(over).toMatchObject({ axis, running: sum, own: 500, limit });
          }
        }
      }),
    );
  });
});
