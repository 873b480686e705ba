ALTER TABLE `schedules` ADD `planned_at` integer;--> statement-breakpoint
ALTER TABLE `schedules` ADD `decided_to` integer;--> statement-breakpoint
ALTER TABLE `schedules` ADD `overlap` text DEFAULT 'skip' NOT NULL;--> statement-breakpoint
ALTER TABLE `schedules` ADD `catch_up_ms` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `schedules` ADD `jitter_ms` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `schedules` ADD `max_runs` integer;--> statement-breakpoint
UPDATE `schedules` SET `planned_at` = `next_at`;
