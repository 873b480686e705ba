CREATE TABLE `kin` (
	`parent` integer NOT NULL,
	`hash` text NOT NULL,
	`domain` text NOT NULL,
	`type` text NOT NULL,
	`child` integer,
	`status` integer NOT NULL,
	`life` integer NOT NULL,
	`version` integer NOT NULL,
	`result` text,
	`error` text,
	PRIMARY KEY(`parent`, `hash`)
) WITHOUT ROWID;
