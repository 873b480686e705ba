// Turns migrations/<object>/*.sql into src/durable/<object>/migrations.ts, so that the package carries its SQL. Drizzle writes those:
// `MILLRACE_OBJECT=domain npx drizzle-kit generate --name <what>`, after a change of src/durable/<object>/schema.ts.
// `--check` writes nothing and fails when a generated file is stale.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

const root = new URL("../", import.meta.url);
let stale = 0;
for (const object of readdirSync(new URL("migrations/", root))) {
  const folder = new URL(`migrations/${object}/`, root);
  const files = readdirSync(folder)
    .filter((file) => file.endsWith(".sql"))
    .sort();
  const entries = files.map((file) => {
    const sql = readFileSync(new URL(file, folder), "utf8").trim().replaceAll("\\", "\\\\").replaceAll("`", "\\`").replaceAll("${", "\\${");
    return `  {\n    name: ${JSON.stringify(file.replace(/\.sql$/, ""))},\n    sql: \`${sql}\`,\n  },\n`;
  });
  const text = `// Generated from migrations/${object} by scripts/inline-migrations.mjs; do not edit.\nimport type { Migration } from "../migrate.ts";\n\nexport const migrations: readonly Migration[] = [\n${entries.join("")}];\n`;
  const target = new URL(`src/durable/${object}/migrations.ts`, root);
  if (existsSync(target) && readFileSync(target, "utf8") === text) continue;
  if (process.argv.includes("--check")) {
    console.error(`src/durable/${object}/migrations.ts is stale: run node scripts/inline-migrations.mjs`);
    stale += 1;
  } else writeFileSync(target, text);
}
process.exit(stale > 0 ? 1 : 0);
