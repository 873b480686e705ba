import type { ComponentChildren } from "preact";
import { exactDigits, formatExact, parseExact } from "../../json.ts";
import { blank, hintOf, isNullable, kindOf, type Schema, wayName, wayOf } from "../../schema.ts";
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
  const { name, schema, root, path, required } = props;
  const kind = kindOf(schema, root);
  if (kind.kind === "object" || kind.kind === "list" || kind.kind === "variants") return <Compound {...props} />;
  const id = `field-${path}`;
  const hint = hintOf(schema, root);
  const common = { id, "aria-describedby": `${id}-hint`, "aria-invalid": props.issues.has(path) };
  return (
    <div class={kind.kind === "switch" ? "field is-switch" : "field"}>
      <label for={id}>
        {name}
        {required ? null : <span class="dim"> optional</span>}
        {required && isNullable(schema, root) ? <span class="dim"> or null</span> : null}
      </label>
      <Input {...props} common={common} />
      <div id={`${id}-hint`}>
        {hint === "" ? null : <div class="hint">{hint}</div>}
        <Issue {...props} />
      </div>
    </div>
  );
}

/** A value with members, which may be left out as a whole. */
function Compound(props: Props) {
  const { name, schema, root, path, value, required, onChange } = props;
  const kind = kindOf(schema, root);
  if (value === undefined || value === null)
    return (
      <div class="field">
        <button type="button" class="link" onClick={() => onChange(blank(bare(schema), root))}>
          add {name}
        </button>
        <Issue {...props} />
      </div>
    );
  const none = noneOf(props);
  return (
    <fieldset class={path === "" ? "field is-root" : "field"}>
      <legend class={path === "" ? "hidden" : ""}>
        {name}
        {required && none === undefined ? null : <Remove name={name} onClick={() => onChange(none)} />}
      </legend>
      {kind.kind === "object" ? <Members {...props} /> : null}
      {kind.kind === "variants" ? <Variants {...props} ways={kind.ways} /> : null}
      {kind.kind === "list" ? <Items {...props} items={kind.items} /> : null}
      <Issue {...props} />
    </fieldset>
  );
}

/** A schema without its "or null" and its default: what is added is something. */
function bare({ default: _default, ...schema }: Schema): Schema {
  const others = (ways: readonly Schema[] | undefined) => ways?.filter(({ type }) => type !== "null");
  return {
    ...schema,
    ...(schema.type === undefined ? {} : { type: [schema.type].flat().filter((type) => type !== "null") }),
    ...(schema.anyOf ? { anyOf: others(schema.anyOf)! } : {}),
    ...(schema.oneOf ? { oneOf: others(schema.oneOf)! } : {}),
  };
}

/** What stands for no value: left out where that is allowed, else null where that is. */
const noneOf = ({ schema, root, required }: Props): null | undefined => (required && isNullable(schema, root) ? null : undefined);

/** What is left to be asked for once it is known which object it is. */
function withoutConstants({ properties = {}, ...schema }: Schema): Schema {
  return { ...schema, properties: Object.fromEntries(Object.entries(properties).filter(([, inner]) => inner.const === undefined)) };
}

/** One of several objects: which one, then its members. */
function Variants(props: Props & { ways: readonly Schema[] }) {
  const { name, ways, root, value, onChange } = props;
  const at = wayOf(ways, value);
  return (
    <>
      <select
        aria-label={`Kind of ${name}`}
        value={String(at)}
        onChange={(event) => onChange(blank(ways[Number(event.currentTarget.value)]!, root))}
      >
        {ways.map((way, index) => (
          <option key={index} value={String(index)}>
            {wayName(way, index)}
          </option>
        ))}
      </select>
      <Members {...props} schema={withoutConstants(ways[at]!)} />
    </>
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

function Input(props: Props & { common: Record<string, unknown> }): ComponentChildren {
  const { schema, root, value, required, onChange, common } = props;
  const kind = kindOf(schema, root);
  const text = value === undefined || value === null ? "" : (exactDigits(value) ?? String(value));
  const nullable = isNullable(schema, root);
  /** Nothing typed: no value, where that is allowed. */
  const type = (typed: string) => onChange(typed === "" && (!required || nullable) ? noneOf(props) : typed);
  switch (kind.kind) {
    case "choice":
      return <Choice {...props} options={nullable && !kind.options.includes(null) ? [...kind.options, null] : kind.options} />;
    case "number":
      return (
        <input
          {...common}
          type="number"
          step={kind.whole ? 1 : "any"}
          value={text}
          onInput={({ currentTarget: { value: typed } }) => onChange(typed === "" ? noneOf(props) : exactNumber(typed))}
        />
      );
    case "switch":
      if (nullable) return <Choice {...props} options={[true, false, null]} />;
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

function Choice({ options, value, required, onChange, common }: Props & { common: Record<string, unknown>; options: readonly unknown[] }) {
  const at = options.findIndex((option) => value !== undefined && formatExact(option) === formatExact(value));
  return (
    <select {...common} value={String(at)} onChange={(event) => onChange(options[Number(event.currentTarget.value)])}>
      {required && at >= 0 ? null : <option value="-1">–</option>}
      {options.map((option, index) => (
        <option key={index} value={String(index)}>
          {String(option)}
        </option>
      ))}
    </select>
  );
}

/** A number as typed: those that JavaScript would round stay exact. */
function exactNumber(typed: string): unknown {
  try {
    return parseExact(typed);
  } catch {
    return Number(typed);
  }
}
