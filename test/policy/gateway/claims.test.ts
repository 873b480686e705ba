import { describe, expect, test } from "vitest";
import { setup } from "./setup.ts";

async function leased() {
  const mill = setup();
  await mill.send("POST", "/v1/domains/media/tasks", { type: "transcode", payload: { object: "a" } });
  const { body } = await mill.send("POST", "/v1/domains/media/claims", {
    worker: "w1",
    types: ["transcode"],
    max: 5,
    lease: "1m",
    wait: "5s",
  });
  return { ...mill, claims: body.claims, at: (verb: string) => `/v1/claims/${body.claims[0].lease}/${verb}` };
}

describe("pull workers over HTTP", () => {
  test("[pull leases] a claim, with what it may say; then renew and complete", async () => {
    const { domains, claims, send, at } = await leased();
    expect(domains.media.claimed).toEqual([{ worker: "w1", types: ["transcode"], max: 5, leaseMs: 60_000, waitMs: 5_000 }]);
    expect(claims).toEqual([
      {
        lease: expect.stringMatching(/^media_l/),
        leaseUntil: expect.any(String),
        task: expect.objectContaining({ type: "transcode", status: "running" }),
      },
    ]);
    expect(await send("POST", at("renew"), { progress: { fraction: 2, message: "all" } })).toMatchObject({
      status: 200,
      body: { cancelled: false, leaseUntil: expect.any(String) },
    });
    expect(domains.media.tasks[0]!.progress).toMatchObject({ fraction: 1, message: "all" });
    expect(await send("POST", at("complete"), { result: { bytes: 7 } })).toMatchObject({ status: 200, body: { status: "completed" } });
    expect(domains.media.settled).toEqual([{ kind: "complete", result: '{"bytes":7}' }]);
    expect(await send("POST", at("complete"), { result: { bytes: 7 } })).toMatchObject({ status: 409, body: { code: "lease_lost" } });
  });

  test("the defaults: every pull type, one task, 20 s, no wait", async () => {
    const { domains, send } = setup();
    expect(await send("POST", "/v1/domains/media/claims", { worker: "w1" })).toMatchObject({ status: 200, body: { claims: [] } });
    expect(domains.media.claimed).toEqual([{ worker: "w1", types: ["transcode"], max: 1, leaseMs: 20_000, waitMs: 0 }]);
  });

  test("a result that does not fit the schema fails the task for good", async () => {
    const { domains, send, at } = await leased();
    expect(await send("POST", at("complete"), { result: { bytes: "many" } })).toMatchObject({ status: 200, body: { status: "failed" } });
    expect(domains.media.settled).toMatchObject([{ kind: "fail", retryable: false, error: { code: "invalid_result" } }]);
  });

  test.each([
    [{ error: "broken" }, { kind: "fail", error: { name: "Error", message: "broken" }, retryable: true }],
    [
      { error: { name: "X", message: "m", code: "c", stack: "s", more: 1 }, retryable: false },
      { kind: "fail", error: { name: "X", message: "m", code: "c", stack: "s" }, retryable: false },
    ],
    [
      { error: "later", retryAfter: "30s" },
      { kind: "fail", error: { name: "Error", message: "later" }, retryable: true, retryAfterMs: 30_000 },
    ],
  ])("fail with %j", async (body, settlement) => {
    const { domains, send, at } = await leased();
    expect(await send("POST", at("fail"), body)).toMatchObject({ status: 200 });
    expect(domains.media.settled).toEqual([settlement]);
  });

  test("release takes no body", async () => {
    const { domains, send, at } = await leased();
    expect(await send("POST", at("release"))).toMatchObject({ status: 200, body: { status: "pending" } });
    expect(domains.media.settled).toEqual([{ kind: "release" }]);
  });

  test.each([
    ["/v1/domains/media/claims", {}, 400, "invalid_request"],
    ["/v1/domains/media/claims", { worker: "w", max: 101 }, 400, "invalid_request"],
    ["/v1/domains/media/claims", { worker: "w", lease: "1s" }, 400, "invalid_request"],
    ["/v1/domains/media/claims", { worker: "w", wait: "31s" }, 400, "invalid_request"],
    ["/v1/domains/media/claims", { worker: "w", types: ["resize"] }, 400, "invalid_request"],
    ["/v1/domains/media/claims", { worker: "w", types: ["transcod"] }, 404, "unknown_type"],
    ["/v1/domains/mail/claims", { worker: "w" }, 400, "invalid_request"],
    ["/v1/claims/nonsense/release", {}, 409, "lease_lost"],
    [`/v1/claims/nowhere_l${"0".repeat(24)}/release`, {}, 404, "unknown_domain"],
    [`/v1/claims/media_l${"0".repeat(24)}/renew`, {}, 409, "lease_lost"],
    [`/v1/claims/media_l${"0".repeat(24)}/fail`, {}, 400, "invalid_request"],
    [`/v1/claims/media_l${"0".repeat(24)}/fail`, { error: {} }, 400, "invalid_request"],
  ])("%s with %j: %i %s", async (path, body, status, code) => {
    expect(await setup().send("POST", path, body)).toMatchObject({ status, body: { code } });
  });
});
