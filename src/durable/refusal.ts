import { MillraceError, type ErrorCode, type ErrorFacts } from "../policy/errors.ts";

/** A refusal on its way over RPC: as a value, since the platform logs every thrown error as uncaught, with its stack. */
interface Refusal {
  "~refused": { code: ErrorCode; message: string; facts: ErrorFacts };
}

type Method = (this: unknown, ...args: unknown[]) => Promise<unknown>;

/** Makes methods of an object answer with a refusal where they throw a `MillraceError`; other errors are thrown on. Answers with the prototype. */
export function answerRefusals(prototype: object, methods: readonly string[]): object {
  const target = prototype as Record<string, Method>;
  for (const name of methods) {
    const inner = target[name]!;
    target[name] = async function refusing(this: unknown, ...args: unknown[]) {
      try {
        return await inner.apply(this, args);
      } catch (error) {
        if (!MillraceError.is(error)) throw error;
        return { "~refused": { code: error.code, message: error.message, facts: error.facts } } satisfies Refusal;
      }
    };
  }
  return prototype;
}

/** What `make` answers, or its refusal as a value. */
export async function answered<Answer>(make: () => Answer | Promise<Answer>): Promise<Answer> {
  try {
    return await make();
  } catch (error) {
    if (!MillraceError.is(error)) throw error;
    return { "~refused": { code: error.code, message: error.message, facts: error.facts } } satisfies Refusal as Answer;
  }
}

/** What a method answered; throws what it refused. */
export function acceptAnswer(answer: unknown): unknown {
  if (typeof answer !== "object" || answer === null || !("~refused" in answer)) return answer;
  const { code, message, facts } = (answer as Refusal)["~refused"];
  throw new MillraceError(code, message, facts);
}
