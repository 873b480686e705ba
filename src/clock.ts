/** Time and chance, handed to everything below the object classes so that a test can own both. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** `bytes` unguessable random bytes as lower-case hex. */
  token(bytes: number): string;
  /** Resolves after `ms`; rejects when `signal` aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Runs `action` after `ms`; the answer cancels it. */
  after(ms: number, action: () => void): () => void;
}

/** The platform's own; the only place that reads `Date.now`, `Math.random`, `crypto` and the timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  token: (bytes) => Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join(""),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
        resolve();
      }, ms);
      const stop = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", stop, { once: true });
    }),
  after: (ms, action) => {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
};
