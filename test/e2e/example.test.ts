import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PhotonImage } from "@cf-wasm/photon";
import jpeg from "jpeg-js";
import { Mill, ROOT, temporary } from "./mill.ts";

const KEY = "example-test-key-0123456789";
const home = temporary("example");
let mill: Mill;
let server: Server;
let origin: string;
/** What reached the local server. */
const seen: { method: string; path: string; headers: Record<string, unknown>; body: string }[] = [];

/** Red in the top left quarter, blue elsewhere. */
function picture(width: number, height: number) {
  const data = new Uint8Array(width * height * 4);
  for (let at = 0; at < width * height; at++)
    data.set(at % width < width / 2 && at < (width * height) / 2 ? [255, 0, 0, 255] : [0, 0, 255, 255], at * 4);
  return { data, width, height };
}

const jpegFile = (width: number, height: number) => new Uint8Array(jpeg.encode(picture(width, height), 90).data);
const png = (width: number, height: number) => new PhotonImage(picture(width, height).data, width, height).get_bytes();
const webp = (width: number, height: number) =>
  new PhotonImage(picture(width, height).data, width, height).get_bytes_webp() as Uint8Array<ArrayBuffer>;

/** The shortest EXIF segment that says "turned by 90°". */
const EXIF_TURNED = [
  0xff, 0xe1, 0, 34, 0x45, 0x78, 0x69, 0x66, 0, 0, 0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0,
  0,
];
const turned = (file: Uint8Array): Uint8Array<ArrayBuffer> =>
  Uint8Array.from([...file.subarray(0, 2), ...EXIF_TURNED, ...file.subarray(2)]);

const PAGES: Record<string, () => { status: number; headers?: Record<string, string>; body?: Uint8Array | string }> = {
  "/photo.png": () => ({ status: 200, body: png(900, 600) }),
  "/page.html": () => ({ status: 200, body: "<!doctype html>" }),
  "/gone": () => ({ status: 410, body: "it is gone" }),
  "/to-metadata": () => ({ status: 307, headers: { location: "http://169.254.169.254/latest/meta-data/" } }),
  "/to-photo": () => ({ status: 302, headers: { location: "/photo.png" } }),
  "/hook": () => ({ status: 201, body: "taken" }),
};

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      seen.push({
        method: request.method ?? "",
        path: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      });
      const { status, headers, body } = PAGES[request.url ?? ""]?.() ?? { status: 404 };
      response.writeHead(status, headers).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  origin = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
  mill = await Mill.start({
    folder: ROOT,
    home: home.path,
    vars: { MILLRACE_AUTH: "open", ALLOW_PRIVATE: "127.0.0.1", WEBHOOK_SECRET: KEY },
  });
});

afterAll(async () => {
  await mill?.kill9();
  server?.closeAllConnections();
  server?.close();
  home[Symbol.dispose]();
});

const put = (key: string, body: Uint8Array<ArrayBuffer> | string, headers: Record<string, string> = {}) =>
  fetch(`${mill.url}/uploads/${key}`, { method: "PUT", body, headers });
const file = (object: string, headers: Record<string, string> = {}) => fetch(`${mill.url}/files/${object}`, { headers });

interface Ended {
  id: string;
  startedAt: string;
  status: string;
  result: Record<string, any>;
  error: { message: string; code?: string } | null;
  attempt: number;
}

/** Submits a task and waits for its end. */
async function run(domain: string, type: string, payload: unknown): Promise<Ended> {
  const response = await fetch(`${mill.url}/v1/domains/${domain}/tasks?wait=60s`, {
    method: "POST",
    body: JSON.stringify({ type, payload }),
    headers: { "content-type": "application/json" },
  });
  const answer = (await response.json()) as { task: Ended };
  expect(response.status, JSON.stringify(answer)).toBe(201);
  return answer.task;
}

/** Waits for the end of a task that another one has submitted. */
async function ended(id: string): Promise<Ended> {
  await (await fetch(`${mill.url}/v1/tasks/${id}/result?wait=60s`)).arrayBuffer();
  return (await (await fetch(`${mill.url}/v1/tasks/${id}`)).json()) as Ended;
}

describe("files", () => {
  test("an upload is stored, and not served before it has been checked", async () => {
    const response = await put("a.jpg", jpegFile(40, 30));
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ key: "a.jpg", bytes: jpegFile(40, 30).length });
    for (const object of [
      "uploads/a.jpg",
      "a.jpg",
      "originals/../uploads/a.jpg",
      "originals%2f..%2fuploads%2fa.jpg",
      "originals/nothing.jpg",
    ]) {
      expect((await file(object)).status, object).toBe(404);
    }
  });

  test.each([["..%2Fx"], [".hidden"], ["a%2Fb"], ["x".repeat(129)], ["a%00b"]])("the key %s is refused", async (key) => {
    const response = await put(key, "x");
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "invalid_request" });
  });

  test("an empty upload, and one of more than 20 MiB, are refused", async () => {
    expect((await put("empty.jpg", "")).status).toBe(400);
    const response = await put("large.jpg", new Uint8Array(20 * 1_024 * 1_024 + 1));
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ code: "payload_too_large", limit: 20_971_520 });
  });
});

describe("ingest.fetch and media.resize", () => {
  test("a JPEG on its side comes out upright; the file is served with its type and can be asked for again by its tag", async () => {
    await put("turned.jpg", turned(jpegFile(600, 400)));
    const fetched = await run("ingest", "fetch", { upload: "turned.jpg", resize: { widths: [100, 999] } });
    expect(fetched).toMatchObject({ status: "completed", result: { width: 400, height: 600, type: "image/jpeg" } });
    const resized = await ended(fetched.result.resize);
    expect(resized).toMatchObject({
      status: "completed",
      result: {
        delivery: null,
        thumbnails: [
          { width: 400, height: 600 },
          { width: 100, height: 150 },
        ],
      },
    });
    const response = await file(resized.result.thumbnails[1].object);
    expect(response.headers.get("content-type")).toBe("image/jpeg");
    const image = jpeg.decode(new Uint8Array(await response.arrayBuffer()), { useTArray: true });
    const isRed = (x: number, y: number) => image.data[(y * 100 + x) * 4]! > 128;
    // Turned clockwise: what was top left is now top right.
    expect([image.width, image.height, isRed(5, 5), isRed(95, 5)]).toEqual([100, 150, false, true]);
    const again = await file(resized.result.thumbnails[1].object, { "if-none-match": response.headers.get("etag")! });
    expect(again.status).toBe(304);
    expect(await (await file(fetched.result.object)).arrayBuffer()).toHaveProperty("byteLength", turned(jpegFile(600, 400)).length);
  });

  test("a PNG by URL, over a redirect, to WebP", async () => {
    const fetched = await run("ingest", "fetch", { url: `${origin}/to-photo`, resize: { widths: [90], format: "webp" } });
    expect(fetched).toMatchObject({ status: "completed", result: { width: 900, height: 600, type: "image/png" } });
    const resized = await ended(fetched.result.resize);
    const response = await file(resized.result.thumbnails[0].object);
    expect(response.headers.get("content-type")).toBe("image/webp");
    using image = PhotonImage.new_from_byteslice(new Uint8Array(await response.arrayBuffer()));
    expect([image.get_width(), image.get_height()]).toEqual([90, 60]);
  });

  test("a step that runs again finds the next step's task instead of making another", async () => {
    await put("again.jpg", jpegFile(320, 200));
    const first = await run("ingest", "fetch", { upload: "again.jpg", resize: { widths: [32], notify: `${origin}/hook` } });
    const resized = await ended(first.result.resize);
    await ended(resized.result.delivery);
    const deliveries = () => seen.filter(({ body }) => body.includes(first.result.sha256)).length;
    expect(deliveries()).toBe(1);
    expect((await fetch(`${mill.url}/v1/tasks/${first.id}/retry`, { method: "POST" })).status).toBe(200);
    expect(await ended(first.id)).toMatchObject({ status: "completed", result: { resize: first.result.resize } });
    expect((await ended(first.id)).startedAt).not.toBe(first.startedAt);
    expect((await fetch(`${mill.url}/v1/tasks/${first.result.resize}/retry`, { method: "POST" })).status).toBe(200);
    expect(await ended(first.result.resize)).toMatchObject({ status: "completed", result: { delivery: resized.result.delivery } });
    expect((await ended(first.result.resize)).startedAt).not.toBe(resized.startedAt);
    expect(deliveries()).toBe(1);
  });

  test("a WebP is taken as well", async () => {
    await put("b.webp", webp(64, 48));
    expect(await run("ingest", "fetch", { upload: "b.webp" })).toMatchObject({
      status: "completed",
      result: { width: 64, height: 48, type: "image/webp", resize: null },
    });
  });

  test.each([
    [() => ({ upload: "never-sent.jpg" }), "upload_not_found"],
    [() => ({ url: `${origin}/page.html` }), "not_an_image"],
    [() => ({ url: `${origin}/gone` }), "http_410"],
    [() => ({ url: `${origin}/to-metadata` }), "address_refused"],
    [() => ({ url: "http://10.0.0.1/x.jpg" }), "address_refused"],
    [() => ({ url: "http://localhost/x.jpg" }), "address_refused"],
  ])("%s fails for good: %s", async (payload, code) => {
    expect(await run("ingest", "fetch", payload())).toMatchObject({ status: "failed", attempt: 1, error: { code } });
  });

  test("what cannot be decoded fails for good, and the next one is not the worse for it", async () => {
    await put("broken.jpg", jpegFile(800, 600).subarray(0, 4_000));
    const broken = await run("ingest", "fetch", { upload: "broken.jpg", resize: { widths: [64] } });
    expect(await ended(broken.result.resize)).toMatchObject({ status: "failed", error: { code: "image_broken" } });
    await put("whole.jpg", jpegFile(800, 600));
    const whole = await run("ingest", "fetch", { upload: "whole.jpg", resize: { widths: [64] } });
    expect(await ended(whole.result.resize)).toMatchObject({ status: "completed" });
    expect(await run("media", "resize", { object: "originals/none.jpg", widths: [64] })).toMatchObject({
      status: "failed",
      error: { code: "object_not_found" },
    });
  });

  test("more megapixels than the codec has memory for are refused before decoding", async () => {
    const file = jpegFile(16, 16);
    const frame = file.findIndex((byte, at) => byte === 0xff && file[at + 1] === 0xc0);
    file.set([0x0f, 0xa0, 0x0f, 0xa0], frame + 5);
    await put("bomb.jpg", file);
    const fetched = await run("ingest", "fetch", { upload: "bomb.jpg", resize: { widths: [64] } });
    expect(fetched).toMatchObject({ status: "completed", result: { width: 4_000, height: 4_000 } });
    expect(await ended(fetched.result.resize)).toMatchObject({ status: "failed", error: { code: "image_too_large" } });
  });
});

describe("http.deliver", () => {
  test("is signed, says which task it is, and keeps what was answered", async () => {
    const task = await run("http", "deliver", { url: `${origin}/hook`, body: { n: 1 }, headers: { "x-tenant": "7" } });
    expect(task).toMatchObject({ status: "completed", result: { status: 201, answer: "taken", truncated: false } });
    const request = seen.findLast(({ path }) => path === "/hook")!;
    expect(request).toMatchObject({
      method: "POST",
      body: '{"n":1}',
      headers: { "x-tenant": "7", "content-type": "application/json", "millrace-attempt": "1" },
    });
    expect(request.headers["millrace-delivery"]).toMatch(/^http_\d+$/);
    expect(request.headers["millrace-signature"]).toMatch(/^t=\d+,v1=[0-9a-f]{64}$/);
  });

  test("the example's own receiver takes it, and nothing that is not signed", async () => {
    const task = await run("http", "deliver", { url: `${mill.url}/receiver`, body: { hello: "mill" } });
    expect(JSON.parse(task.result.answer)).toMatchObject({ received: 16, attempt: 1 });
    expect((await fetch(`${mill.url}/receiver`, { method: "POST", body: "{}" })).status).toBe(401);
  });

  test.each([
    ["/gone", "http_410", /answered 410: it is gone/],
    ["/to-metadata", "address_refused", /169\.254\.169\.254/],
  ])("%s fails for good: %s", async (path, code, message) => {
    expect(await run("http", "deliver", { url: `${origin}${path}`, body: null })).toMatchObject({
      status: "failed",
      attempt: 1,
      error: { code, message: expect.stringMatching(message) },
    });
  });

  test("a URL with credentials is refused at the submit", async () => {
    const body = JSON.stringify({ type: "deliver", payload: { url: "http://u:p@example.com/", body: null } });
    const response = await fetch(`${mill.url}/v1/domains/http/tasks`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json" },
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "invalid_payload" });
  });
});

test("without open auth the example's own routes ask for a token, too", async () => {
  await mill.restart({
    MILLRACE_AUTH: "",
    MILLRACE_TOKENS: JSON.stringify([{ name: "v", sha256: await sha256("viewer-token"), role: "viewer" }]),
  });
  expect((await put("c.jpg", "x")).status).toBe(401);
  expect((await file("originals/x.jpg")).status).toBe(401);
  const headers = { authorization: "Bearer viewer-token" };
  expect((await put("c.jpg", "x", headers)).status).toBe(403);
  expect((await file("originals/x.jpg", headers)).status).toBe(404);
});

async function sha256(text: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))).toString("hex");
}
