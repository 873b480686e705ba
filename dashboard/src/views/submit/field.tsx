import type { ComponentChildren } from "preact";
import { exactDigits, formatExact } from "../../json.ts";
import { blank, hintOf, kindOf, type Schema } from "../../schema.ts";
import { JsonField } from "./json-field.tsx";

interface Props {
  name: string;
  schema: Schema;
  root: Schema;
  /** As the mill names it in its issues: `resize.widths.0`. */
  path: string;
  value: unknown;
  required: boolean;
  issues: ReadonlyMap<string, string>;
  /** undefined: it is left out. */
  onChange: (value: unknown) => void;
}

/** One value of a payload, asked for as its schema has it. */
export function Field(props: Props) {
  const { name, schema, root, path, value, required, onChange } = props;
  const kind = kindOf(schema, root);
  if (kind.kind === "object" || kind.kind === "list") {
    if (value === undefined || value === null)
      return (
        <div class="field">
          <button type="button" class="link" onClick={() => onChange(blank(schema, root))}>
            add {name}
          </button>
          <Issue {...props} />
        </div>
      );
    return (
      <fieldset class={path === "" ? "field is-root" : "field"}>
        <legend class={path === "" ? "hidden" : ""}>
          {name}
          {required ? null : <Remove name={name} onClick={() => onChange(undefined)} />}
        </legend>
        {kind.kind === "object" ? <Members {...props} /> : <Items {...props} items={kind.items} />}
        <Issue {...props} />
      </fieldset>
    );
  }
  const id = `field-${path}`;
  const hint = hintOf(schema, root);
  const common = { id, "aria-describedby": `${id}-hint`, "aria-invalid": props.issues.has(path) };
  return (
    <div class={kind.kind === "switch" ? "field is-switch" : "field"}>
      <label for={id}>
        {name}
        {required ? null : <span class="dim"> optional</span>}
      </label>
      <Input {...props} common={common} />
      <div id={`${id}-hint`}>
        {hint === "" ? null : <div class="hint">{hint}</div>}
        <Issue {...props} />
      </div>
    </div>
  );
}

function Issue({ path, issues }: Props) {
  const issue = issues.get(path);
  return issue === undefined ? null : (
    <div class="bad" role="alert">
      {issue}
    </div>
  );
}

function Remove({ name, onClick }: { name: string; onClick: () => void }) {
  return (
    <button type="button" class="plain copy" aria-label={`Leave out ${name}`} onClick={onClick}>
      ×
    </button>
  );
}

function Members({ schema, root, path, value, issues, onChange }: Props) {
  const kind = kindOf(schema, root);
  if (kind.kind !== "object") return null;
  const object = typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  const change = (name: string, next: unknown) => {
    const { [name]: _old, ...rest } = object;
    onChange(next === undefined ? rest : { ...object, [name]: next });
  };
  return (
    <>
      {kind.properties.map(([name, inner, required]) => (
        <Field
          key={name}
          name={name}
          schema={inner}
          root={root}
          path={path === "" ? name : `${path}.${name}`}
          value={object[name]}
          required={required}
          issues={issues}
          onChange={(next) => change(name, next)}
        />
      ))}
    </>
  );
}

function Items({ root, path, value, issues, items, onChange }: Props & { items: Schema }) {
  const list: unknown[] = Array.isArray(value) ? value : [];
  return (
    <>
      {list.map((item, at) => (
        <div key={at} class="list-item">
          <Field
            name={String(at + 1)}
            schema={items}
            root={root}
            path={`${path}.${at}`}
            value={item}
            required
            issues={issues}
            onChange={(next) => onChange(list.with(at, next))}
          />
          <Remove name={`item ${at + 1}`} onClick={() => onChange(list.toSpliced(at, 1))} />
        </div>
      ))}
      <button type="button" class="link" onClick={() => onChange([...list, blank(items, root)])}>
        add one
      </button>
    </>
  );
}

function Input({ schema, root, value, required, onChange, common }: Props & { common: Record<string, unknown> }): ComponentChildren {
  const kind = kindOf(schema, root);
  const text = value === undefined || value === null ? "" : (exactDigits(value) ?? String(value));
  /** Nothing typed: left out, where that is allowed. */
  const type = (typed: string) => onChange(typed === "" && !required ? undefined : typed);
  switch (kind.kind) {
    case "choice": {
      const at = kind.options.findIndex((option) => formatExact(option) === formatExact(value));
      return (
        <select {...common} value={String(at)} onChange={(event) => onChange(kind.options[Number(event.currentTarget.value)])}>
          {required ? null : <option value="-1">–</option>}
          {kind.options.map((option, index) => (
            <option key={index} value={String(index)}>
              {String(option)}
            </option>
          ))}
        </select>
      );
    }
    case "number": {
      const read = (typed: string) => onChange(typed === "" ? undefined : Number(typed));
      return (
        <input {...common} type="number" step={kind.whole ? 1 : "any"} value={text} onInput={(event) => read(event.currentTarget.value)} />
      );
    }
    case "switch":
      return <input {...common} type="checkbox" checked={value === true} onClick={(event) => onChange(event.currentTarget.checked)} />;
    case "text":
      return kind.long ? (
        <textarea {...common} rows={4} value={text} onInput={(event) => type(event.currentTarget.value)} />
      ) : (
        <input {...common} type="text" value={text} onInput={(event) => type(event.currentTarget.value)} />
      );
    default:
      return <JsonField common={common} value={value} required={required} onChange={onChange} />;
  }
}
