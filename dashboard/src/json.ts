import { isLosslessNumber, isSafeNumber, LosslessNumber, parse, stringify } from "lossless-json";

/** JSON as a value whose numbers are exact: those that JavaScript would round are kept as text. */
export const parseExact = (text: string): unknown =>
  parse(text, undefined, (digits) => (isSafeNumber(digits) ? Number(digits) : new LosslessNumber(digits)));

/** The text of such a value, with two spaces of indentation. */
export const formatExact = (value: unknown): string => stringify(value, undefined, 2) ?? "null";

/** The digits of a number that is too exact for JavaScript. */
export const exactDigits = (value: unknown): string | undefined => (isLosslessNumber(value) ? value.toString() : undefined);
