// Generated from migrations/coordinator by scripts/inline-migrations.mjs; do not edit.
import type { Migration } from "../migrate.ts";

export const migrations: readonly Migration[] = [
  {
    name: "0000_initial",
    sql: `CREATE TABLE \`domains\` (
	\`name\` text PRIMARY KEY NOT NULL,
	\`synced_at\` integer NOT NULL,
	\`poked_at\` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE \`holders\` (
	\`domain\` text PRIMARY KEY NOT NULL,
	\`mark\` integer NOT NULL,
	\`until\` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE \`settings\` (
	\`key\` text PRIMARY KEY NOT NULL,
	\`value\` text NOT NULL
) WITHOUT ROWID;`,
  },
  {
    name: "0001_leased_until",
    sql: `ALTER TABLE \`holders\` ADD \`leased_until\` integer DEFAULT 0 NOT NULL;`,
  },
  {
    name: "0002_audit",
    sql: `CREATE TABLE \`audit\` (
	\`id\` integer PRIMARY KEY NOT NULL,
	\`at\` integer NOT NULL,
	\`name\` text NOT NULL,
	\`role\` text NOT NULL,
	\`action\` text NOT NULL,
	\`target\` text,
	\`change\` text
);`,
  },
];
