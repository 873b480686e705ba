import { Problem } from "../api/problem.ts";

/** Why something cannot be shown. */
export function Trouble({ error }: { error: Error | undefined }) {
  if (!error) return null;
  const known = error instanceof Problem;
  return (
    <div class="trouble" role="alert">
      <strong>{known ? error.code.replaceAll("_", " ") : "The mill cannot be reached"}</strong>{" "}
      {known ? error.message : "It is asked again in a while."}
    </div>
  );
}
