CREATE TABLE `outbox` (
	`target` text NOT NULL,
	`id` integer NOT NULL,
	`kind` text NOT NULL,
	`body` text NOT NULL,
	`attempts` integer NOT NULL,
	`next_at` integer NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`target`, `id`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `remotes` (
	`id` integer PRIMARY KEY NOT NULL,
	`status` integer NOT NULL,
	`version` integer NOT NULL,
	`result` text
);
--> statement-breakpoint
CREATE TABLE `watchers` (
	`upstream` integer NOT NULL,
	`domain` text NOT NULL,
	`owed` integer,
	`since` integer NOT NULL,
	PRIMARY KEY(`upstream`, `domain`)
) WITHOUT ROWID;
