/** Compiles only when the two types are the same, down to optional and readonly. */
export type Equal<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false;

/** `expectType<Equal<A, B>>()`: a compile error unless the answer is `true`. */
export function expectType<_Check extends true>(): void {}
