CREATE TABLE job (id INTEGER PRIMARY KEY, ref TEXT NOT NULL UNIQUE, title TEXT NOT NULL, company TEXT NOT NULL, city TEXT NOT NULL, field TEXT NOT NULL,
  low INTEGER NOT NULL, high INTEGER NOT NULL, mode TEXT NOT NULL, contract TEXT NOT NULL, posted TEXT NOT NULL, closes TEXT NOT NULL, is_open INTEGER NOT NULL,
  about TEXT NOT NULL, needs TEXT NOT NULL, benefits TEXT NOT NULL, contact TEXT NOT NULL, phone TEXT NOT NULL, staff INTEGER NOT NULL, founded INTEGER NOT NULL,
  UNIQUE (title, company, city));
CREATE TABLE saved (job INTEGER PRIMARY KEY REFERENCES job(id));
CREATE TABLE application (id INTEGER PRIMARY KEY, job INTEGER NOT NULL REFERENCES job(id), start TEXT NOT NULL, salary INTEGER NOT NULL, years INTEGER NOT NULL, hours TEXT NOT NULL,
  permit TEXT NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, phone TEXT NOT NULL, words TEXT NOT NULL, file TEXT NOT NULL);
CREATE TABLE alert (id INTEGER PRIMARY KEY, field TEXT NOT NULL, city TEXT NOT NULL, how_often TEXT NOT NULL, email TEXT NOT NULL);
-- drafts: what is looked at, not what is done
CREATE TABLE draft (id INTEGER PRIMARY KEY, job INTEGER NOT NULL, start TEXT NOT NULL, salary INTEGER NOT NULL, years INTEGER NOT NULL, hours TEXT NOT NULL, permit TEXT NOT NULL);
CREATE TABLE alert_draft (id INTEGER PRIMARY KEY, field TEXT NOT NULL, city TEXT NOT NULL, how_often TEXT NOT NULL);
CREATE TABLE switched_off (id INTEGER PRIMARY KEY, field TEXT NOT NULL, city TEXT NOT NULL);
CREATE INDEX job_by_field ON job (field, city, is_open);
CREATE VIEW posting AS SELECT j.*, printf('$%,d', j.low / 100) || ' – ' || printf('$%,d', j.high / 100) AS pay, max(0, (j.low / 100 - 24000) / 1200) AS bar_from,
  max(3, (j.high - j.low) / 120000) AS bar_wide, EXISTS (SELECT 1 FROM saved s WHERE s.job = j.id) AS is_saved, upper(substr(j.company, 1, 1)) || lower(substr(j.company, instr(j.company, ' ') + 1, 1)) AS initials,
  j.id * 47 % 360 AS hue FROM job j;
-- the whole text of an advertisement: the trial period, and what it wants of an assistant
CREATE TABLE advert (job INTEGER PRIMARY KEY REFERENCES job(id), weeks INTEGER NOT NULL, wants TEXT NOT NULL, words TEXT NOT NULL);
