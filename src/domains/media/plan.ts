/** One thumbnail to make. */
export interface ThumbnailSize {
  width: number;
  height: number;
}

/**
 * The thumbnails to make, widest first: each smaller one is then made from the widest, so that the original can be
 * let go early. Never wider than the original; widths that fall together are made once.
 */
export function planThumbnails(original: ThumbnailSize, widths: readonly number[]): ThumbnailSize[] {
  const wanted = new Set(widths.map((width) => Math.min(width, original.width)));
  return [...wanted]
    .toSorted((a, b) => b - a)
    .map((width) => ({ width, height: Math.max(1, Math.round((original.height * width) / original.width)) }));
}
