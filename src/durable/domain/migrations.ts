// Generated from migrations/domain by scripts/inline-migrations.mjs; do not edit.
import type { Migration } from "../migrate.ts";

export const migrations: readonly Migration[] = [
  {
    name: "0000_initial",
    sql: `CREATE TABLE \`edges\` (
	\`upstream\` integer NOT NULL,
	\`dependent\` integer NOT NULL,
	\`kind\` text NOT NULL,
	PRIMARY KEY(\`upstream\`, \`dependent\`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE \`idempotency\` (
	\`id\` integer PRIMARY KEY NOT NULL,
	\`key\` text NOT NULL,
	\`body\` text NOT NULL,
	\`answer\` text NOT NULL,
	\`expires_at\` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX \`idempotency_key_unique\` ON \`idempotency\` (\`key\`);--> statement-breakpoint
CREATE TABLE \`schedules\` (
	\`id\` integer PRIMARY KEY NOT NULL,
	\`name\` text,
	\`item\` text NOT NULL,
	\`every_ms\` integer,
	\`cron\` text,
	\`timezone\` text NOT NULL,
	\`anchor_at\` integer NOT NULL,
	\`next_at\` integer,
	\`paused\` integer DEFAULT 0 NOT NULL,
	\`declared\` integer DEFAULT 0 NOT NULL,
	\`runs\` integer DEFAULT 0 NOT NULL,
	\`skipped\` integer DEFAULT 0 NOT NULL,
	\`last_run_at\` integer,
	\`last_task\` integer,
	\`created_at\` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX \`schedules_name_unique\` ON \`schedules\` (\`name\`);--> statement-breakpoint
CREATE INDEX \`schedules_next\` ON \`schedules\` (\`next_at\`) WHERE next_at IS NOT NULL;--> statement-breakpoint
CREATE TABLE \`state\` (
	\`id\` integer PRIMARY KEY NOT NULL,
	\`json\` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE \`tags\` (
	\`key\` text NOT NULL,
	\`value\` text NOT NULL,
	\`task\` integer NOT NULL,
	PRIMARY KEY(\`key\`, \`value\`, \`task\`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE \`tasks\` (
	\`id\` integer PRIMARY KEY NOT NULL,
	\`type\` text NOT NULL,
	\`status\` integer NOT NULL,
	\`priority\` integer NOT NULL,
	\`payload\` text NOT NULL,
	\`created_at\` integer NOT NULL,
	\`result\` text,
	\`error\` text,
	\`errors\` text,
	\`key\` text,
	\`key_hash\` text,
	\`held\` integer,
	\`label\` text,
	\`tags\` text,
	\`options\` text,
	\`run_at\` integer,
	\`ttl_at\` integer,
	\`deadline_at\` integer,
	\`expires_at\` integer,
	\`started_at\` integer,
	\`first_started_at\` integer,
	\`finished_at\` integer,
	\`attempt\` integer DEFAULT 0 NOT NULL,
	\`executions\` integer DEFAULT 0 NOT NULL,
	\`interruptions\` integer DEFAULT 0 NOT NULL,
	\`suspect\` integer DEFAULT 0 NOT NULL,
	\`cancelling\` integer DEFAULT 0 NOT NULL,
	\`schedule\` integer
);
--> statement-breakpoint
CREATE INDEX \`tasks_due\` ON \`tasks\` (\`run_at\`) WHERE status = 1;--> statement-breakpoint
CREATE INDEX \`tasks_expiry\` ON \`tasks\` (\`expires_at\`) WHERE expires_at IS NOT NULL AND status < 10;--> statement-breakpoint
CREATE UNIQUE INDEX \`tasks_key\` ON \`tasks\` (\`key_hash\`) WHERE held = 1;--> statement-breakpoint
CREATE INDEX \`tasks_failures\` ON \`tasks\` (\`id\`) WHERE status IN (11, 12);--> statement-breakpoint
CREATE INDEX \`tasks_schedule\` ON \`tasks\` (\`schedule\`) WHERE schedule IS NOT NULL AND status < 10;`,
  },
  {
    name: "0001_schedule-policies",
    sql: `ALTER TABLE \`schedules\` ADD \`planned_at\` integer;--> statement-breakpoint
ALTER TABLE \`schedules\` ADD \`decided_to\` integer;--> statement-breakpoint
ALTER TABLE \`schedules\` ADD \`overlap\` text DEFAULT 'skip' NOT NULL;--> statement-breakpoint
ALTER TABLE \`schedules\` ADD \`catch_up_ms\` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE \`schedules\` ADD \`jitter_ms\` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE \`schedules\` ADD \`max_runs\` integer;--> statement-breakpoint
UPDATE \`schedules\` SET \`planned_at\` = \`next_at\`;`,
  },
  {
    name: "0002_leases",
    sql: `CREATE TABLE \`leases\` (
	\`id\` text PRIMARY KEY NOT NULL,
	\`task\` integer NOT NULL,
	\`worker\` text NOT NULL,
	\`at\` integer NOT NULL,
	\`until\` integer NOT NULL,
	\`length\` integer NOT NULL
) WITHOUT ROWID;`,
  },
  {
    name: "0003_outbox",
    sql: `CREATE TABLE \`outbox\` (
	\`target\` text NOT NULL,
	\`id\` integer NOT NULL,
	\`kind\` text NOT NULL,
	\`body\` text NOT NULL,
	\`attempts\` integer NOT NULL,
	\`next_at\` integer NOT NULL,
	\`at\` integer NOT NULL,
	PRIMARY KEY(\`target\`, \`id\`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE \`remotes\` (
	\`id\` integer PRIMARY KEY NOT NULL,
	\`status\` integer NOT NULL,
	\`version\` integer NOT NULL,
	\`result\` text
);
--> statement-breakpoint
CREATE TABLE \`watchers\` (
	\`upstream\` integer NOT NULL,
	\`domain\` text NOT NULL,
	\`owed\` integer,
	\`since\` integer NOT NULL,
	PRIMARY KEY(\`upstream\`, \`domain\`)
) WITHOUT ROWID;`,
  },
  {
    name: "0004_groups",
    sql: `ALTER TABLE \`tasks\` ADD \`grp\` text;--> statement-breakpoint
ALTER TABLE \`tasks\` ADD \`fair\` text;`,
  },
  {
    name: "0005_children",
    sql: `ALTER TABLE \`tasks\` ADD \`parent\` text;--> statement-breakpoint
ALTER TABLE \`tasks\` ADD \`family\` integer;--> statement-breakpoint
ALTER TABLE \`tasks\` ADD \`memo\` text;--> statement-breakpoint
CREATE INDEX \`tasks_parent\` ON \`tasks\` (\`parent\`,\`key_hash\`) WHERE parent IS NOT NULL;`,
  },
  {
    name: "0006_audit",
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
  {
    name: "0007_kin",
    sql: `CREATE TABLE \`kin\` (
	\`parent\` integer NOT NULL,
	\`hash\` text NOT NULL,
	\`domain\` text NOT NULL,
	\`type\` text NOT NULL,
	\`child\` integer,
	\`status\` integer NOT NULL,
	\`life\` integer NOT NULL,
	\`version\` integer NOT NULL,
	\`result\` text,
	\`error\` text,
	PRIMARY KEY(\`parent\`, \`hash\`)
) WITHOUT ROWID;`,
  },
  {
    name: "0008_ages",
    sql: `ALTER TABLE \`tasks\` ADD \`paused_ms\` integer;--> statement-breakpoint
ALTER TABLE \`tasks\` ADD \`io\` text;`,
  },
  {
    name: "0009_bulk",
    sql: `CREATE TABLE \`bulk\` (
	\`id\` integer PRIMARY KEY NOT NULL,
	\`action\` text NOT NULL,
	\`filter\` text NOT NULL,
	\`bound\` integer NOT NULL,
	\`cursor\` integer NOT NULL,
	\`done\` integer DEFAULT 0 NOT NULL,
	\`failed\` integer DEFAULT 0 NOT NULL,
	\`errors\` text,
	\`created_at\` integer NOT NULL,
	\`finished_at\` integer,
	\`next_at\` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX \`bulk_next\` ON \`bulk\` (\`next_at\`);`,
  },
];
