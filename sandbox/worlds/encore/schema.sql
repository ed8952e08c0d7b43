CREATE TABLE venue (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, town TEXT NOT NULL, kind TEXT NOT NULL, address TEXT NOT NULL, fee INTEGER NOT NULL, doors INTEGER NOT NULL, cloak TEXT NOT NULL, access_line TEXT NOT NULL);
CREATE TABLE act (slug TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, genre TEXT NOT NULL, venue INTEGER NOT NULL, minutes INTEGER NOT NULL, age INTEGER NOT NULL, blurb TEXT NOT NULL,
  hue INTEGER NOT NULL, art INTEGER NOT NULL, presale INTEGER NOT NULL);
CREATE TABLE event (id INTEGER PRIMARY KEY, act TEXT NOT NULL, day TEXT NOT NULL, show TEXT NOT NULL, starts TEXT NOT NULL, doors TEXT NOT NULL);
CREATE TABLE seat (event INTEGER NOT NULL, place INTEGER NOT NULL, category TEXT NOT NULL, code TEXT NOT NULL, price INTEGER NOT NULL, left_over INTEGER NOT NULL, PRIMARY KEY (event, code));
CREATE TABLE delivery (name TEXT PRIMARY KEY, place INTEGER NOT NULL, label TEXT NOT NULL, fee INTEGER NOT NULL);
CREATE TABLE draft (id INTEGER PRIMARY KEY, event INTEGER NOT NULL, category TEXT NOT NULL, seats INTEGER NOT NULL, delivery TEXT NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, reference TEXT NOT NULL UNIQUE, event INTEGER NOT NULL, category TEXT NOT NULL, seats INTEGER NOT NULL, delivery TEXT NOT NULL, total INTEGER NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, card_end TEXT NOT NULL);
CREATE TABLE subscription (id INTEGER PRIMARY KEY, genre TEXT NOT NULL, town TEXT NOT NULL, email TEXT NOT NULL);
CREATE TABLE waiting (id INTEGER PRIMARY KEY, event INTEGER NOT NULL, email TEXT NOT NULL);
CREATE VIEW listed AS SELECT e.id, e.day, e.show, e.starts, e.doors, a.slug, a.name AS act, a.genre, a.minutes, a.age, a.blurb, a.hue, a.art, v.id AS venue_id, v.name AS venue, v.town, v.kind, v.fee, v.address,
  (SELECT min(price) FROM seat s WHERE s.event = e.id AND s.left_over > 0) AS lowest, (SELECT sum(left_over) FROM seat s WHERE s.event = e.id) AS left_over
  FROM event e JOIN act a ON a.slug = e.act JOIN venue v ON v.id = a.venue;
-- programme notes: the interval, and a picture whose description wants something of an assistant
CREATE TABLE programme (act TEXT PRIMARY KEY, pause INTEGER NOT NULL, wants TEXT NOT NULL, picture TEXT NOT NULL);
