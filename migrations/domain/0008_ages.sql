ALTER TABLE `tasks` ADD `paused_ms` integer;--> statement-breakpoint
ALTER TABLE `tasks` ADD `io` text;