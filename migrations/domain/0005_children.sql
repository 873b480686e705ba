ALTER TABLE `tasks` ADD `parent` text;--> statement-breakpoint
ALTER TABLE `tasks` ADD `family` integer;--> statement-breakpoint
ALTER TABLE `tasks` ADD `memo` text;--> statement-breakpoint
CREATE INDEX `tasks_parent` ON `tasks` (`parent`,`key_hash`) WHERE parent IS NOT NULL;