import { defineConfig } from "drizzle-kit";

// One object at a time: MILLRACE_OBJECT=coordinator npx drizzle-kit generate --name <what>
const object = process.env.MILLRACE_OBJECT ?? "domain";
if (object !== "domain" && object !== "coordinator") throw new Error(`MILLRACE_OBJECT must be "domain" or "coordinator", not "${object}".`);

export default defineConfig({
  dialect: "sqlite",
  schema: `./src/durable/${object}/schema.ts`,
  out: `./migrations/${object}`,
});
