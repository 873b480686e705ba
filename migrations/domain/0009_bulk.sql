CREATE TABLE `bulk` (
	`id` integer PRIMARY KEY NOT NULL,
	`action` text NOT NULL,
	`filter` text NOT NULL,
	`bound` integer NOT NULL,
	`cursor` integer NOT NULL,
	`done` integer DEFAULT 0 NOT NULL,
	`failed` integer DEFAULT 0 NOT NULL,
	`errors` text,
	`created_at` integer NOT NULL,
	`finished_at` integer,
	`next_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `bulk_next` ON `bulk` (`next_at`);