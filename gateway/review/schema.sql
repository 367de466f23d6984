-- The newest form in one piece; tests/unit/review/test_review_schema.py holds it against the migrations.

CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- One row a request that ended. `id` is the id of the record that closed it, `idx` that record's place in the log,
-- `decision` the record that acts point at, `first_record` the record whose key seals who asked.
CREATE TABLE requests(
  id TEXT PRIMARY KEY,
  idx INTEGER NOT NULL UNIQUE,
  time_us INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  request TEXT NOT NULL,
  surface TEXT NOT NULL,
  outcome TEXT NOT NULL,
  stage TEXT NOT NULL,
  action TEXT NOT NULL,
  verdict TEXT NOT NULL,
  degraded INTEGER NOT NULL,
  policy TEXT NOT NULL,
  revision TEXT NOT NULL,
  model TEXT NOT NULL,
  pictures INTEGER NOT NULL,
  latency_us INTEGER NOT NULL,
  decision TEXT NOT NULL,
  first_record TEXT NOT NULL,
  minors INTEGER NOT NULL
);
CREATE INDEX requests_time ON requests(time_us);
CREATE INDEX requests_tenant ON requests(tenant, time_us);
CREATE INDEX requests_action ON requests(action, time_us);
CREATE INDEX requests_decision ON requests(decision);
CREATE INDEX requests_request ON requests(request);

-- What a request is found by beside its row: rule, shadow, category, model, stage, prompt, likeness.
CREATE TABLE request_marks(
  kind TEXT NOT NULL, value TEXT NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY(kind, value, idx)
) WITHOUT ROWID;
CREATE INDEX request_marks_idx ON request_marks(idx);

-- A request that people look at. `rank` orders the grounds, held first; `deadline_us` is a hold's; acts up to
-- `since_idx` in the log answered an earlier question.
CREATE TABLE cases(
  id TEXT PRIMARY KEY,
  idx INTEGER NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  queue TEXT NOT NULL,
  ground TEXT NOT NULL,
  rank INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  state TEXT NOT NULL,
  opened_us INTEGER NOT NULL,
  deadline_us INTEGER,
  wants_second INTEGER NOT NULL,
  decided_us INTEGER,
  outcome TEXT,
  since_idx INTEGER NOT NULL DEFAULT 0,
  settled TEXT
);
CREATE INDEX cases_queue ON cases(state, rank, priority DESC, opened_us);
CREATE INDEX cases_named_queue ON cases(queue, state, rank, priority DESC, opened_us);

CREATE TABLE locks(case_id TEXT PRIMARY KEY, reviewer TEXT NOT NULL, until_us INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX locks_reviewer ON locks(reviewer);

-- A copy of every `review` record that is an act of a person; `id` is the record's.
CREATE TABLE acts(
  id TEXT PRIMARY KEY,
  idx INTEGER NOT NULL,
  case_id TEXT NOT NULL,
  decision TEXT NOT NULL,
  act TEXT NOT NULL,
  reviewer TEXT NOT NULL,
  role TEXT NOT NULL,
  time_us INTEGER NOT NULL,
  effective_us INTEGER NOT NULL,
  to_action TEXT,
  reason TEXT,
  tags TEXT NOT NULL,
  has_note INTEGER NOT NULL,
  undone_by TEXT
);
CREATE INDEX acts_case ON acts(case_id, idx);
CREATE INDEX acts_reviewer ON acts(reviewer, time_us);
CREATE INDEX acts_due ON acts(effective_us) WHERE undone_by IS NULL AND act IN ('release', 'refuse');

-- What is kept of a request, encrypted under a key made from that of `record`; erased with it.
CREATE TABLE kept(
  id TEXT PRIMARY KEY,
  case_id TEXT NOT NULL,
  record TEXT NOT NULL,
  kind TEXT NOT NULL,
  picture INTEGER NOT NULL,
  mime TEXT NOT NULL,
  box BLOB NOT NULL,
  size_bytes INTEGER NOT NULL,
  stored_us INTEGER NOT NULL,
  expires_us INTEGER,
  UNIQUE(case_id, kind, picture)
);
CREATE INDEX kept_expiry ON kept(expires_us) WHERE expires_us IS NOT NULL;

-- A held request, by the id of the record that closed it as held.
CREATE TABLE tickets(
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  record TEXT NOT NULL,
  stage TEXT NOT NULL,
  state TEXT NOT NULL,
  kept_us INTEGER NOT NULL,
  deadline_us INTEGER NOT NULL,
  at_deadline TEXT NOT NULL,
  settled_us INTEGER,
  settled_by TEXT,
  reason TEXT,
  expires_us INTEGER,
  told INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX tickets_state ON tickets(state, deadline_us);

CREATE TABLE sessions(
  id_sha256 TEXT PRIMARY KEY,
  reviewer TEXT NOT NULL,
  role TEXT NOT NULL,
  tenant TEXT NOT NULL,
  csrf TEXT NOT NULL,
  made_us INTEGER NOT NULL,
  seen_us INTEGER NOT NULL,
  expires_us INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_expiry ON sessions(expires_us);

-- What is still to be told, to whom, and what can't be: `state` is waiting, sent or dead.
CREATE TABLE outbox(
  id TEXT PRIMARY KEY,
  hook TEXT NOT NULL,
  event TEXT NOT NULL,
  tenant TEXT NOT NULL,
  subject TEXT NOT NULL,
  body BLOB NOT NULL,
  made_us INTEGER NOT NULL,
  next_us INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  state TEXT NOT NULL,
  fault TEXT,
  UNIQUE(hook, event, subject)
);
CREATE INDEX outbox_due ON outbox(next_us) WHERE state = 'waiting';

-- Who asked, as a hash under a key of the tenant's: found and counted without being opened, and erasable.
CREATE TABLE end_users(idx INTEGER PRIMARY KEY, tenant TEXT NOT NULL, key_tag TEXT NOT NULL, user_tag TEXT);
CREATE INDEX end_users_user ON end_users(tenant, user_tag, idx) WHERE user_tag IS NOT NULL;
CREATE INDEX end_users_key ON end_users(tenant, key_tag, idx);

CREATE TABLE views(
  id TEXT PRIMARY KEY, reviewer TEXT NOT NULL, name TEXT NOT NULL, query TEXT NOT NULL, made_us INTEGER NOT NULL,
  UNIQUE(reviewer, name)
);
