import { HEADERS } from "../problem.ts";

/** Where Scalar is looked for, beside the page: a static asset of the Worker, never another host's. */
const SCALAR = "docs/scalar.js";

/**
 * `/docs`: a page without anything secret. Its script asks for a token where one is needed, keeps it in the tab's session
 * storage, gets `openapi.json` and hands it to Scalar; where the host serves no such file it shows a plain list of its own.
 *
 * @param nonce new for each answer: no other script runs, and none is loaded from another host
 */
export function page(nonce: string, status: 200 | 401): Response {
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}' 'self'`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return new Response(HTML.replaceAll("NONCE", nonce), {
    status,
    headers: {
      ...HEADERS,
      "content-type": "text/html; charset=UTF-8",
      "content-security-policy": policy.join("; "),
      ...(status === 401 ? { "www-authenticate": 'Bearer realm="millrace"' } : {}),
    },
  });
}

const HTML = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Millrace: the API</title>
<link rel="icon" href="data:,">
<style>
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; }
.plain { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
.plain code { font: 14px ui-monospace, monospace; }
.plain summary { cursor: pointer; padding: .25rem 0; }
.plain pre { overflow: auto; background: #8881; padding: 1rem; }
</style>
<div id="api" class="plain"><p>Loading …</p></div>
<script nonce="NONCE">
const root = document.getElementById("api");
const KEY = "millrace.token";
const make = (name, text, ...inner) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  element.append(...inner);
  return element;
};
async function load() {
  const token = sessionStorage.getItem(KEY);
  const answer = await fetch("openapi.json", token ? { headers: { authorization: "Bearer " + token } } : {});
  if (answer.status === 401 || answer.status === 403) return ask((await answer.json()).detail);
  show(await answer.json());
}
function ask(why) {
  const field = make("input");
  Object.assign(field, { type: "password", autocomplete: "off", ariaLabel: "Token" });
  const form = make("form", undefined, field, make("button", "Show"));
  form.onsubmit = (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEY, field.value);
    load();
  };
  root.replaceChildren(make("h1", "Millrace"), make("p", why), form);
}
function show(api) {
  const script = document.createElement("script");
  script.src = "${SCALAR}";
  script.onload = () => {
    if (!globalThis.Scalar) return plain(api);
    root.replaceChildren();
    root.className = "";
    try {
      Scalar.createApiReference(root, { content: api, withDefaultFonts: false, telemetry: false, proxyUrl: "", agent: { disabled: true }, mcp: { disabled: true }, showDeveloperTools: "never", hideClientButton: true });
    } catch {
      root.className = "plain";
      plain(api);
    }
  };
  script.onerror = () => plain(api);
  document.head.append(script);
}
function plain(api) {
  // Markdown for whoever reads it as such.
  const prose = (text) => make("p", text && text.replaceAll("\`", ""));
  const parts = [make("h1", api.info.title), prose(api.info.description)];
  for (const tag of api.tags) {
    parts.push(make("h2", tag.name), prose(tag.description));
    for (const [path, methods] of Object.entries(api.paths))
      for (const [method, operation] of Object.entries(methods)) {
        if (!operation.tags.includes(tag.name)) continue;
        const { summary, description, parameters, requestBody, responses } = operation;
        const head = make("summary", undefined, make("code", method.toUpperCase() + " " + path), " " + summary);
        const detail = JSON.stringify({ parameters, requestBody, responses: Object.keys(responses) }, null, 2);
        parts.push(make("details", undefined, head, prose(description), make("pre", detail)));
      }
  }
  parts.push(make("h2", "Schemas"));
  for (const [name, schema] of Object.entries(api.components.schemas))
    parts.push(make("details", undefined, make("summary", name), make("pre", JSON.stringify(schema, null, 2))));
  root.replaceChildren(...parts);
}
load().catch((error) => root.replaceChildren(make("p", String(error))));
</script>
</html>
`;
