import type { Group } from "../api/answers.ts";
import { tasksHref } from "../address.ts";
import { number, rate } from "../format.ts";
import { Gauge } from "../parts/gauge.tsx";
import { written } from "../search.ts";

/** Who gets how much: what each group was given against what its weight stands for. */
export function GroupTable({ items, slots }: { items: readonly Group[]; slots: number }) {
  const weights = items.reduce((sum, { weight }) => sum + weight, 0);
  return (
    <div class="scroll" role="group" aria-label="Figures by group" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th>group</th>
            <th>running</th>
            <th class="num">waiting</th>
            <th class="num">slots given</th>
            <th class="num">weight</th>
            <th class="num">fair share</th>
            <th class="num">minimum</th>
            <th>rate</th>
          </tr>
        </thead>
        <tbody>
          {items.map((group) => (
            <tr key={group.name}>
              <th scope="row" class="name">
                <a href={tasksHref(written("group", group.name))} title={group.name}>
                  {group.name}
                </a>
              </th>
              <td>
                <Gauge label={`running in ${group.name}`} value={group.running} max={group.maxConcurrency} />
              </td>
              <td class="num">{number(group.pending)}</td>
              <td class="num">{number(group.allocated)}</td>
              <td class="num">{group.weight}</td>
              <td class="num dim">{weights === 0 ? "–" : ((group.weight / weights) * slots).toFixed(1)}</td>
              <td class="num">{group.minSlots}</td>
              <td class="dim">{group.rate ? `${rate(group.rate)}, ${Math.floor(group.rate.available)} left` : "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
