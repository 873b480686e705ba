CREATE TABLE `leases` (
	`id` text PRIMARY KEY NOT NULL,
	`task` integer NOT NULL,
	`worker` text NOT NULL,
	`at` integer NOT NULL,
	`until` integer NOT NULL,
	`length` integer NOT NULL
) WITHOUT ROWID;
