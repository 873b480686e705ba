import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { Role } from "../../../src/policy/roles.ts";
import { refreshAll } from "../live.ts";
import { may } from "../session.ts";
import { say, sayProblem } from "./toast.tsx";

interface Props {
  /** The least role that may; for all others there is no button. */
  role?: Role;
  /** Does it; what it returns is said afterwards. */
  run: () => Promise<string | undefined>;
  kind?: "primary" | "danger" | "plain";
  title?: string;
  label?: string;
  disabled?: boolean;
  children: ComponentChildren;
}

/** A button that asks something of the mill: at rest while it waits, its refusal in words, everything fresh afterwards. */
export function Act({ role = "operator", run, kind, title, label, disabled, children }: Props) {
  const busy = useSignal(false);
  if (!may(role)) return null;
  const press = async () => {
    busy.value = true;
    try {
      const said = await run();
      if (said !== undefined) say(said);
      refreshAll();
    } catch (error) {
      sayProblem(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <button
      type="button"
      class={kind ?? ""}
      title={title}
      aria-label={label}
      aria-busy={busy.value}
      disabled={disabled === true || busy.value}
      onClick={() => void press()}
    >
      {children}
    </button>
  );
}
