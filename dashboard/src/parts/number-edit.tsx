import { type Settable, Setting } from "./setting.tsx";

interface Props extends Settable {
  value: number | null;
  min: number;
  max: number;
  /** What an empty field means; without it one may not be empty. */
  none?: string;
  save: (value: number | null) => Promise<string>;
}

/** A whole number of the mill that can be changed while it runs. */
export function NumberEdit({ value, min, max, none, ...others }: Props) {
  const read = (text: string): number | null | undefined => {
    if (text === "") return none === undefined ? undefined : null;
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return number >= min && number <= max ? number : undefined;
  };
  return <Setting {...others} shown={value === null ? "" : String(value)} none={none ?? ""} inputMode="numeric" read={read} />;
}
