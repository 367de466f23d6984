-- What of a held request was put into the outbox: 0 nothing, 1 that it is held, 2 how it ended.
ALTER TABLE tickets ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
