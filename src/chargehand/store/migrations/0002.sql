-- Tags of a task, one on a line.
ALTER TABLE tasks ADD COLUMN tags TEXT NOT NULL DEFAULT '';
