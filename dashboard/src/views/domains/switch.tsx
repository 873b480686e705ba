import type { Domain } from "../../api/answers.ts";
import { ask } from "../../api/ask.ts";
import { Act } from "../../parts/act.tsx";
import { confirm } from "../../parts/dialog.tsx";

/** Pauses, drains and resumes a domain. */
export function DomainSwitch({ domain: { name, pausedBy, counts } }: { domain: Domain }) {
  const post = (verb: string) => ask(`v1/domains/${name}/${verb}`, { method: "POST" });
  const running = counts.running === 1 ? "1 running task" : `${counts.running} running tasks`;
  const pause = async () => {
    const text = `Nothing of ${name} starts until it is resumed; ${running} stop and go back, uncharged.`;
    if (!(await confirm({ title: `Pause ${name}?`, text, action: `Pause ${name}`, danger: true }))) return undefined;
    await post("pause");
    return `${name} is paused.`;
  };
  const drain = async () => {
    const text = `Nothing of ${name} starts until it is resumed; ${running} may end by themselves for 30 s, then they go back.`;
    if (!(await confirm({ title: `Drain ${name}?`, text, action: `Drain ${name}`, danger: true }))) return undefined;
    const { drained } = await ask<{ drained: boolean }>(`v1/domains/${name}/drain`, { method: "POST", body: { timeout: "30s" } });
    return drained ? `${name} is drained and paused.` : `${name} is being drained.`;
  };
  const resume = async () => {
    await post("resume");
    return `${name} runs again.`;
  };
  if (pausedBy.includes("domain"))
    return (
      <Act kind="primary" run={resume} label={`Resume ${name}`}>
        Resume
      </Act>
    );
  return (
    <>
      <Act run={drain} label={`Drain ${name}`}>
        Drain
      </Act>
      <Act run={pause} label={`Pause ${name}`}>
        Pause
      </Act>
    </>
  );
}
