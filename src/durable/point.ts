/** Called with the name of every test point that is passed; set by tests alone. */
let hook: ((name: string, object: string) => void) | undefined;

/**
 * A place where a crash must not hurt: before and after every transaction and every await of the engine. Nothing
 * outside tests, where each is the scene of a crash in turn.
 */
export function point(name: string, object: string): void {
  hook?.(name, object);
}

/** Tests: hear of every point. */
export function onPoint(listener: ((name: string, object: string) => void) | undefined): void {
  hook = listener;
}
