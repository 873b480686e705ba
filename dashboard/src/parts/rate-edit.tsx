import { useSignal } from "@preact/signals";
import { duration } from "../format.ts";
import { may } from "../session.ts";
import { Act } from "./act.tsx";

/** A token bucket, as the mill shows it. */
interface Rate {
  permits: number;
  perMs: number;
  burst: number;
  available: number;
}

interface Props {
  label: string;
  /** Whose; beside the label for those who only hear it. */
  of: string;
  rate: Rate | null;
  allowed?: boolean;
  /** As the mill takes it: `{ permits, per }`, or null for none. */
  save: (rate: { permits: number; per: string } | null) => Promise<string>;
}

const WRITTEN = /^(\d+) per (\d*\s?(?:ms|s|m|h|d))$/;

/** A rate limit that can be changed while it runs, written `10 per 1s`. */
export function RateEdit({ label, of, rate, allowed = true, save }: Props) {
  const typed = useSignal<string | null>(null);
  const shown = rate === null ? "" : `${rate.permits} per ${duration(rate.perMs).replaceAll(" ", "").replace(".0s", "s")}`;
  const left = rate === null ? null : <span class="dim"> {Math.floor(rate.available)} left</span>;
  if (!may("operator") || !allowed)
    return (
      <div>
        <dt>{label}</dt>
        <dd>
          {shown === "" ? "none" : shown}
          {left}
        </dd>
      </div>
    );
  const text = typed.value ?? shown;
  const [, permits, per = ""] = WRITTEN.exec(text.trim()) ?? [];
  const isGood = text.trim() === "" || permits !== undefined;
  const next = permits === undefined ? null : { permits: Number(permits), per: /^\d/.test(per) ? per.replaceAll(" ", "") : `1${per}` };
  return (
    <div>
      <dt>{label}</dt>
      <dd class="row is-tight">
        <input
          class="rate"
          aria-label={`${label} of ${of}`}
          placeholder="none; 10 per 1s"
          value={text}
          aria-invalid={!isGood}
          onInput={(event) => (typed.value = event.currentTarget.value)}
        />
        {text === shown ? (
          left
        ) : (
          <Act
            kind="primary"
            label={`Save ${label} of ${of}`}
            disabled={!isGood}
            run={async () => {
              const said = await save(next);
              typed.value = null;
              return said;
            }}
          >
            Save
          </Act>
        )}
      </dd>
    </div>
  );
}
