import { createHash } from "node:crypto";
import jpeg from "jpeg-js";
import { SIGNATURE_HEADER, verifySignature } from "../../src/domains/http/sign.ts";
import { type Colour, colourAt, HEIGHT, WIDTH } from "./picture.ts";
import type { Received } from "./receiver.ts";

/** One thing that was looked at; `wrong` says what is not as it should be. */
export interface Check {
  what: string;
  seen: string;
  wrong?: string;
}

/** What `media.resize` says of a thumbnail. */
export interface Thumbnail {
  object: string;
  width: number;
  height: number;
  bytes: number;
}

/** Grain and JPEG blur a spot; a wrong picture, a flat one or one upside down is further off than this. */
const COLOUR_TOLERANCE = 24;
const SPOTS = [0.1, 0.3, 0.5, 0.7, 0.9];

/** The stored original is the file that was uploaded. */
export function checkOriginal(sent: Uint8Array, stored: Uint8Array, sha256: string): Check {
  const sum = createHash("sha256").update(sent).digest("hex");
  const what = "original";
  const seen = `${WIDTH} × ${HEIGHT}, ${stored.length} bytes`;
  if (sum !== sha256) return { what, seen, wrong: `its SHA-256 is said to be ${sha256}, but is ${sum}` };
  return Buffer.compare(sent, stored) === 0 ? { what, seen } : { what, seen, wrong: "its bytes are not those that were uploaded" };
}

/** A thumbnail has the size asked for, as decoded, and shows the picture. */
export function checkThumbnail(claimed: Thumbnail, file: Uint8Array, width: number): Check {
  const what = `thumbnail ${width}`;
  const height = Math.round((HEIGHT * width) / WIDTH);
  const image = jpeg.decode(file, { useTArray: true });
  const seen = `${image.width} × ${image.height}, ${file.length} bytes`;
  if (image.width !== width || image.height !== height) return { what, seen, wrong: `it should be ${width} × ${height}` };
  if (claimed.width !== width || claimed.height !== height || claimed.bytes !== file.length)
    return { what, seen, wrong: `the result claims ${JSON.stringify(claimed)}` };
  const spot = SPOTS.flatMap((y) => SPOTS.map((x) => ({ x, y }))).find(
    ({ x, y }) => distance(averageAround(image, x, y), expectedAround(x, y)) > COLOUR_TOLERANCE,
  );
  return spot ? { what, seen, wrong: `the colour at ${spot.x}, ${spot.y} is not the picture's` } : { what, seen };
}

const AROUND = [-0.008, -0.004, 0, 0.004, 0.008];
const average = (colours: readonly Colour[]): Colour =>
  [0, 1, 2].map((channel) => colours.reduce((sum, colour) => sum + colour[channel]!, 0) / colours.length) as unknown as Colour;
const around = (x: number, y: number, at: (x: number, y: number) => Colour): Colour =>
  average(AROUND.flatMap((dy) => AROUND.map((dx) => at(x + dx, y + dy))));
const expectedAround = (x: number, y: number): Colour =>
  around(x, y, (u, v) => colourAt(u, v).map((channel) => Math.max(0, Math.min(255, channel))) as unknown as Colour);
const distance = (a: Colour, b: Colour): number => Math.max(...a.map((channel, index) => Math.abs(channel - b[index]!)));

function averageAround(image: { data: Uint8Array; width: number; height: number }, x: number, y: number): Colour {
  return around(x, y, (u, v) => {
    const at = (Math.floor(v * image.height) * image.width + Math.floor(u * image.width)) * 4;
    return [image.data[at]!, image.data[at + 1]!, image.data[at + 2]!];
  });
}

/** The receiver was asked twice, both times signed, and was told of every thumbnail. */
export async function checkWebhook(requests: readonly Received[], thumbnails: readonly Thumbnail[], key: string): Promise<Check> {
  const what = "webhook";
  const last = requests.at(-1);
  const seen = `${requests.map((request) => request.status).join(", then ")}, signature ${last === undefined ? "none" : "verified"}`;
  if (requests.length !== 2 || last?.status !== 200)
    return { what, seen, wrong: `the receiver got ${requests.length} requests instead of one that it turned away and one that it took` };
  for (const request of requests) {
    const header = request.headers[SIGNATURE_HEADER];
    const check = { body: request.body, header: typeof header === "string" ? header : null };
    if (!(await verifySignature({ ...check, keys: key }))) return { what, seen, wrong: `the signature ${String(header)} does not verify` };
    if (await verifySignature({ ...check, body: `${request.body} `, keys: key }))
      return { what, seen, wrong: "the signature verifies a changed body, too" };
  }
  const told = JSON.stringify((JSON.parse(last.body) as { thumbnails: Thumbnail[] }).thumbnails);
  return told === JSON.stringify(thumbnails) ? { what, seen } : { what, seen, wrong: `it told of ${told}` };
}
