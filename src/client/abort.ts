/** The promise, or the signal's reason when that comes first. */
export function abortable<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** An object's methods, each of which rejects as soon as the signal aborts, and asks nothing after that. */
export function boundTo<Api extends object>(api: Api, signal: AbortSignal | undefined): Api {
  if (signal === undefined) return api;
  return new Proxy(api, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      return async (...args: unknown[]) => {
        signal.throwIfAborted();
        return abortable(Reflect.apply(method, target, args) as Promise<unknown>, signal);
      };
    },
  });
}

/** One signal that aborts with the first of those that are there. */
export function eitherOf(...signals: (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined);
  return given.length > 1 ? AbortSignal.any(given) : given[0];
}
