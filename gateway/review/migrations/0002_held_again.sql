-- A released prompt may be drawn into pictures that are held themselves: the case is open again from that record on,
-- and acts before it answered another question.
ALTER TABLE cases ADD COLUMN since_idx INTEGER NOT NULL DEFAULT 0;
-- How a held request ended, by the log's word: no later act changes that.
ALTER TABLE cases ADD COLUMN settled TEXT;
