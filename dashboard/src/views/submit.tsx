import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { address } from "../address.ts";
import type { Registry, Task } from "../api/answers.ts";
import { ask } from "../api/ask.ts";
import { parseExact } from "../json.ts";
import { useLive } from "../live.ts";
import { curl, Empty } from "../parts/empty.tsx";
import { Trouble } from "../parts/trouble.tsx";
import { may } from "../session.ts";
import { Form, type FormProps } from "./submit/form.tsx";

/** A form for a new task, made from its type's schema. */
export function Submit() {
  const live = useLive("registry", (signal) => ask<Registry>("v1/registry", { signal }), { everyMs: 300_000, concerns: () => false });
  const choices = (live.value?.domains ?? []).flatMap(({ name, types }) =>
    types.filter(({ submittable }) => submittable).map((type) => ({ domain: name, type })),
  );
  const { query } = address.value;
  const wanted = query.get("type");
  const chosen = choices.find(({ domain, type }) => `${domain}.${type.name}` === wanted) ?? choices[0];
  if (!may("producer")) return <Empty title="This token may not submit tasks" />;
  if (live.value && !chosen) return <Empty title="No type can be submitted" command={curl("v1/registry")} />;
  return (
    <>
      <h1 class="hidden">Submit a task</h1>
      <Trouble error={live.error} />
      {chosen ? (
        <Copied key={query.get("from") ?? ""} from={query.get("from")} choices={choices} chosen={chosen} />
      ) : (
        <div class="waiting" />
      )}
    </>
  );
}

/** Waits for the task whose payload it begins with, where there is one. */
function Copied({ from, choices, chosen }: FormProps & { from: string | null }) {
  const task = useSignal<Task | null | undefined>(from === null ? null : undefined);
  useEffect(() => {
    if (from === null) return;
    ask<Task>(`v1/tasks/${encodeURIComponent(from)}`, {}, parseExact).then(
      (found) => (task.value = found),
      () => (task.value = null),
    );
  }, []);
  if (task.value === undefined) return <div class="waiting" />;
  const own = task.value && choices.find(({ domain, type }) => domain === task.value?.domain && type.name === task.value.type);
  const choice = own ?? chosen;
  return (
    <Form key={`${choice.domain}.${choice.type.name}`} choices={choices} chosen={choice} first={own ? task.value?.payload : undefined} />
  );
}
