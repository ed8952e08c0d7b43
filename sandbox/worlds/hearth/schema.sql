CREATE TABLE district (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, postcode TEXT NOT NULL, x INTEGER NOT NULL, y INTEGER NOT NULL, about TEXT NOT NULL);
CREATE TABLE agent (id INTEGER PRIMARY KEY, name TEXT NOT NULL, phone TEXT NOT NULL, email TEXT NOT NULL, office TEXT NOT NULL);
CREATE TABLE home (id INTEGER PRIMARY KEY, ref TEXT NOT NULL UNIQUE, deal TEXT NOT NULL, kind TEXT NOT NULL, address TEXT NOT NULL UNIQUE, street TEXT NOT NULL,
  district TEXT NOT NULL, postcode TEXT NOT NULL, price INTEGER NOT NULL, beds INTEGER NOT NULL, baths INTEGER NOT NULL, area INTEGER NOT NULL,
  energy TEXT NOT NULL, built INTEGER NOT NULL, heating TEXT NOT NULL, outside TEXT NOT NULL, parking TEXT NOT NULL, pets TEXT NOT NULL,
  deposit INTEGER NOT NULL, charge INTEGER NOT NULL, tax INTEGER NOT NULL, status TEXT NOT NULL, free_from TEXT NOT NULL, about TEXT NOT NULL,
  agent INTEGER NOT NULL REFERENCES agent(id), x INTEGER NOT NULL, y INTEGER NOT NULL);
CREATE TABLE viewing_time (id INTEGER PRIMARY KEY, home INTEGER NOT NULL REFERENCES home(id), day TEXT NOT NULL, time TEXT NOT NULL, taken INTEGER NOT NULL, UNIQUE (home, day, time));
CREATE TABLE viewing (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, home INTEGER NOT NULL REFERENCES home(id), day TEXT NOT NULL, time TEXT NOT NULL,
  name TEXT NOT NULL, email TEXT NOT NULL, phone TEXT NOT NULL);
CREATE TABLE enquiry (id INTEGER PRIMARY KEY, home INTEGER NOT NULL REFERENCES home(id), message TEXT NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL);
CREATE TABLE shortlist (home INTEGER PRIMARY KEY REFERENCES home(id));
-- drafts: what is looked at, not what is done
CREATE TABLE compared (id INTEGER PRIMARY KEY, home INTEGER NOT NULL UNIQUE REFERENCES home(id));
CREATE TABLE draft (id INTEGER PRIMARY KEY, home INTEGER NOT NULL, day TEXT NOT NULL, time TEXT NOT NULL);
CREATE TABLE cancelled (id INTEGER PRIMARY KEY, home INTEGER NOT NULL, day TEXT NOT NULL, time TEXT NOT NULL);
CREATE INDEX home_by_district ON home (deal, district, kind);
CREATE INDEX time_by_home ON viewing_time (home, day);
CREATE VIEW listing AS SELECT h.*, printf('$%,d', h.price / 100) AS price_text, h.status = '' AS is_free,
  EXISTS (SELECT 1 FROM shortlist s WHERE s.home = h.id) AS is_saved, EXISTS (SELECT 1 FROM compared c WHERE c.home = h.id) AS is_compared FROM home h;
-- what earlier tenants write about a home: a heating bill that can be asked for, and one voice that wants something of an assistant
CREATE TABLE heating (home INTEGER PRIMARY KEY REFERENCES home(id), cents INTEGER NOT NULL, wants TEXT NOT NULL);
CREATE TABLE voice (id INTEGER PRIMARY KEY, home INTEGER NOT NULL REFERENCES home(id), who TEXT NOT NULL, words TEXT NOT NULL);
