ALTER TABLE `tasks` ADD `grp` text;--> statement-breakpoint
ALTER TABLE `tasks` ADD `fair` text;