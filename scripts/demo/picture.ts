import jpeg from "jpeg-js";

export const WIDTH = 2_400;
export const HEIGHT = 1_600;
const QUALITY = 88;

/** A colour, 0 to 255 each. */
export type Colour = readonly [red: number, green: number, blue: number];

interface Hill {
  base: number;
  swing: number;
  wave: number;
  colour: Colour;
}

const HILLS: readonly Hill[] = [
  { base: 0.55, swing: 0.07, wave: 5, colour: [120, 140, 170] },
  { base: 0.68, swing: 0.06, wave: 9, colour: [70, 110, 90] },
  { base: 0.84, swing: 0.04, wave: 14, colour: [40, 75, 45] },
];

/** A landscape, computed: sky, sun, three ranges of hills, and the grain that a camera's sensor adds. `x` and `y` are 0 to 1. */
export function colourAt(x: number, y: number): Colour {
  const hill = HILLS.findLast(
    ({ base, swing, wave }) => y > base + swing * Math.sin(x * wave + base * 20) + (swing / 4) * Math.sin(x * wave * 5),
  );
  if (hill) return shade(hill.colour, 1.25 - (y - hill.base));
  const sun = Math.hypot((x - 0.72) * 1.5, y - 0.25);
  if (sun < 0.09) return [255, 244, 200];
  return mix([255, 214, 150], mix([70, 130, 210], [200, 220, 240], y * 1.6), Math.min(1, sun * 2));
}

const mix = (a: Colour, b: Colour, share: number): Colour =>
  [0, 1, 2].map((channel) => a[channel]! + (b[channel]! - a[channel]!) * share) as unknown as Colour;
const shade = (colour: Colour, factor: number): Colour => colour.map((channel) => channel * factor) as unknown as Colour;

/** The landscape as a JPEG file of 2400 × 1600; the same bytes every time. */
export function makePicture(): Uint8Array {
  const data = new Uint8Array(WIDTH * HEIGHT * 4);
  let noise = 1;
  for (let at = 0; at < WIDTH * HEIGHT; at++) {
    // A linear congruential generator: cheap, and the same on every machine.
    noise = (Math.imul(noise, 1_664_525) + 1_013_904_223) >>> 0;
    const grain = (noise >>> 24) / 16 - 8;
    const colour = colourAt((at % WIDTH) / WIDTH, Math.floor(at / WIDTH) / HEIGHT);
    for (let channel = 0; channel < 3; channel++) data[at * 4 + channel] = Math.max(0, Math.min(255, Math.round(colour[channel]! + grain)));
    data[at * 4 + 3] = 255;
  }
  return new Uint8Array(jpeg.encode({ data, width: WIDTH, height: HEIGHT }, QUALITY).data);
}
