import type { AuditPage } from "../../api/answers.ts";
import { ask, withQuery } from "../../api/ask.ts";
import { words } from "../../format.ts";
import { useLive } from "../../live.ts";
import { Linked } from "../../parts/linked.tsx";
import { When } from "../../parts/when.tsx";

const SHOWN = 20;

/** Who changed what by hand. */
export function Audit() {
  const { value } = useLive("audit", (signal) => ask<AuditPage>(withQuery("v1/audit", { limit: SHOWN }), { signal }), { everyMs: 5_000 });
  if (!value || value.items.length === 0) return null;
  return (
    <section class="card" aria-labelledby="audit-title">
      <header class="row">
        <h2 id="audit-title">Changed by hand</h2>
      </header>
      <div class="scroll" role="group" aria-label="Changes" tabIndex={0}>
        <table>
          <tbody>
            {value.items.map(({ at, domain, name, role, action, target, change }) => (
              <tr key={`${at} ${action} ${target}`}>
                <td class="dim">
                  <When at={at} />
                </td>
                <td>
                  {name} <span class="dim">{role}</span>
                </td>
                <td>{words(action)}</td>
                <td>
                  <Linked text={target ?? domain ?? "the mill"} />
                </td>
                <td class="mono dim audit-change">{change === null || change === undefined ? "" : JSON.stringify(change)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
