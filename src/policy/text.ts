/**
 * The length of `text` in UTF-8 bytes, without encoding it. A lone surrogate counts as the three bytes of the
 * replacement character that an encoder would write.
 *
 * @example `utf8Bytes("naïve") // 6`
 */
export function utf8Bytes(text: string): number {
  const { length } = text;
  let bytes = length;
  for (let index = 0; index < length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (isPair(text, index, unit)) {
      // Two units, four bytes.
      bytes += 2;
      index += 1;
    } else bytes += 2;
  }
  return bytes;
}

/**
 * The longest beginning of `text` that takes at most `maxBytes` UTF-8 bytes; never cuts a surrogate pair in two.
 *
 * @example `cutUtf8("naïve", 3) // "na"`
 */
export function cutUtf8(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return text;
  let bytes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    const pair = unit >= 0x800 && isPair(text, index, unit);
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : pair ? 4 : 3;
    if (bytes > maxBytes) return text.slice(0, index);
    if (pair) index += 1;
  }
  return text;
}

function isPair(text: string, index: number, unit: number): boolean {
  return (unit & 0xfc00) === 0xd800 && (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00;
}
