import { describe, expect, test } from "vitest";
import { readBulkFilter } from "../../src/client/query.ts";
import { bulkId, parseBulkId } from "../../src/policy/ids.ts";
import { bulkStatuses } from "../../src/policy/bulk.ts";
import { isTerminal, STATUSES } from "../../src/policy/status.ts";

describe("[cancel] what a bulk action is about", () => {
  test("cancel is about all that is active, delete about all that has ended, retry about failures unless it names more", () => {
    expect(bulkStatuses("cancel", undefined)).toEqual([...STATUSES.filter((status) => !isTerminal(status)), "paused"]);
    expect(bulkStatuses("delete", undefined)).toEqual(STATUSES.filter(isTerminal));
    expect(bulkStatuses("retry", undefined)).toEqual(["failed", "dead_letter"]);
    expect(bulkStatuses("retry", ["completed", "completed"])).toEqual(["completed"]);
  });

  test.each([
    ["cancel", ["pending", "completed"], "completed"],
    ["retry", ["superseded"], "superseded"],
    ["retry", ["paused"], "paused"],
    ["delete", ["running"], "running"],
    ["delete", [], "none"],
  ] as const)("%s of %j is refused, and says what it takes", (action, given, wrong) => {
    expect(() => bulkStatuses(action, given)).toThrow(
      expect.objectContaining({ code: "invalid_request", message: expect.stringContaining(`got ${wrong}`) }),
    );
  });

  test.each<[filter: unknown, message: RegExp]>([
    [undefined, /A filter is an object/],
    [[], /A filter is an object/],
    [{ limit: 5 }, /takes no limit/],
    [{ cursor: "5" }, /takes no cursor/],
    [{ statuss: "failed" }, /did you mean "status"/],
    [{ q: "" }, /q must be text of 1 to 256/],
    [{ type: "" }, /type must be text/],
    [{ tagPrefix: "" }, /tagPrefix must be text/],
    [{ tags: { tenant: undefined } }, /tags must be/],
    [{ tags: "tenant" }, /tags must be/],
    [{ parent: "media" }, /media_17/],
    [{ schedule: "media_1" }, /media_s3/],
    [{ ids: [] }, /leave it out for all/],
    [{ ids: "media_1" }, /list of 1 to 10000/],
    [{ ids: Array.from({ length: 10_001 }, () => "media_1") }, /list of 1 to 10000/],
    [{ ids: ["media_1", "http_2"] }, /tasks of media, such as media_17; got "http_2"/],
    [{ ids: ["media_1", null] }, /got null/],
  ])("a filter like %j is refused: nothing must mean everything by mistake", (filter, message) => {
    expect(() => readBulkFilter("media", "cancel", filter as never)).toThrow(message);
  });

  test("tasks are named by their ids, each counts once", () => {
    expect(readBulkFilter("media", "delete", { ids: ["media_7", "media_3", "media_7"], status: "failed" })).toEqual({
      ids: [7, 3],
      status: ["failed"],
    });
  });

  test("a pattern is about failures alone", () => {
    expect(readBulkFilter("media", "delete", { pattern: "no {n}" })).toEqual({ pattern: "no {n}", status: ["failed", "dead_letter"] });
    expect(readBulkFilter("media", "retry", { pattern: "", status: "failed" })).toEqual({ pattern: "", status: ["failed"] });
    expect(() => readBulkFilter("media", "retry", { pattern: "x", status: "completed" })).toThrow(/Beside a pattern.*got completed/);
    expect(() => readBulkFilter("media", "cancel", { pattern: "x" })).toThrow(/got failed/);
    for (const wrong of [7, null, "ü".repeat(129)])
      expect(() => readBulkFilter("media", "retry", { pattern: wrong } as never)).toThrow(/pattern must be/);
  });

  test("ids of jobs", () => {
    expect(parseBulkId(bulkId("media", 2))).toEqual({ domain: "media", counter: 2 });
    for (const wrong of ["media_2", "media_s2", "media_b0", "media_b01", "Media_b1", 7]) expect(parseBulkId(wrong)).toBeNull();
  });
});
