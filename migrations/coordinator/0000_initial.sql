CREATE TABLE `domains` (
	`name` text PRIMARY KEY NOT NULL,
	`synced_at` integer NOT NULL,
	`poked_at` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `holders` (
	`domain` text PRIMARY KEY NOT NULL,
	`mark` integer NOT NULL,
	`until` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `settings` (
	`key` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
) WITHOUT ROWID;
