/** An answer of the mill that is an error: `application/problem+json`. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: number;
  readonly code: string;
  /** What is wrong where, of a body that was refused. */
  readonly issues: readonly { path: string; message: string }[];
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(status: number, body: Record<string, unknown>) {
    super(typeof body.detail === "string" ? body.detail : `The mill answered with status ${status}.`);
    this.status = status;
    this.code = typeof body.code === "string" ? body.code : `http_${status}`;
    this.issues = Array.isArray(body.issues) ? body.issues : [];
    this.facts = body;
  }

  /** The feature is not in this version of the mill. */
  get isMissing(): boolean {
    return this.code === "not_implemented" || this.status === 501;
  }
}

/** Any error as text for people. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
