-- Version 1 of the ledger. Times are Unix seconds, money is USD, NULL in a sum means "not reported".
-- There are no foreign keys: one writer fills all tables in one transaction, and the tables are folds of the events.

CREATE TABLE runs (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  started_at REAL NOT NULL,
  ended_at REAL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  spec TEXT NOT NULL,
  target TEXT NOT NULL,
  config TEXT NOT NULL, -- JSON
  reset_at REAL
) STRICT;

CREATE TABLE events (
  seq INTEGER PRIMARY KEY,
  run TEXT NOT NULL,
  at REAL NOT NULL,
  kind TEXT NOT NULL,
  task TEXT NOT NULL,
  attempt TEXT NOT NULL,
  body TEXT NOT NULL -- the fact as JSON
) STRICT;
CREATE INDEX events_by_run ON events (run);
CREATE INDEX verdicts_by_task ON events (run, task) WHERE kind = 'gate.verdict';

CREATE TABLE tasks (
  run TEXT NOT NULL,
  id TEXT NOT NULL,
  position INTEGER NOT NULL,
  title TEXT NOT NULL,
  priority INTEGER NOT NULL,
  needs TEXT NOT NULL, -- ids, separated by a space
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  cost_usd REAL,
  input_tokens INTEGER,
  output_tokens INTEGER,
  duration_s REAL NOT NULL,
  commit_id TEXT NOT NULL,
  landed_at REAL,
  milestone TEXT NOT NULL,
  PRIMARY KEY (run, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
  run TEXT NOT NULL,
  task TEXT NOT NULL,
  number INTEGER NOT NULL,
  id TEXT NOT NULL,
  agent TEXT NOT NULL,
  model TEXT NOT NULL,
  state TEXT NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  started_at REAL NOT NULL,
  ended_at REAL,
  exit_code INTEGER,
  base TEXT NOT NULL,
  commit_id TEXT NOT NULL,
  proposal TEXT NOT NULL,
  cost_usd REAL,
  input_tokens INTEGER,
  output_tokens INTEGER,
  PRIMARY KEY (run, task, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE charges (
  id INTEGER PRIMARY KEY,
  run TEXT NOT NULL,
  at REAL NOT NULL,
  task TEXT NOT NULL,
  attempt TEXT NOT NULL,
  stage TEXT NOT NULL,
  agent TEXT NOT NULL,
  model TEXT NOT NULL,
  input_tokens INTEGER,
  output_tokens INTEGER,
  cost_usd REAL,
  measured INTEGER NOT NULL
) STRICT;
CREATE INDEX charges_by_run ON charges (run);

CREATE TABLE requests (
  id INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL,
  answered_at REAL
) STRICT;
CREATE INDEX requests_open ON requests (id) WHERE answered_at IS NULL;

CREATE TRIGGER events_stay_as_they_are BEFORE UPDATE ON events BEGIN SELECT raise(ABORT, 'events are append only'); END;
CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events BEGIN SELECT raise(ABORT, 'events are append only'); END;
CREATE TRIGGER charges_stay_as_they_are BEFORE UPDATE ON charges BEGIN SELECT raise(ABORT, 'charges are append only'); END;
CREATE TRIGGER charges_are_never_removed BEFORE DELETE ON charges BEGIN SELECT raise(ABORT, 'charges are append only'); END;
