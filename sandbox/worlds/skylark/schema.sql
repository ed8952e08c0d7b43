CREATE TABLE airport (code TEXT PRIMARY KEY, city TEXT NOT NULL, name TEXT NOT NULL);
CREATE TABLE flight (number TEXT NOT NULL, day TEXT NOT NULL, origin TEXT NOT NULL, target TEXT NOT NULL, departs TEXT NOT NULL, arrives TEXT NOT NULL,
  minutes INTEGER NOT NULL, stops INTEGER NOT NULL, via TEXT NOT NULL, economy INTEGER NOT NULL, business INTEGER NOT NULL,
  economy_left INTEGER NOT NULL, business_left INTEGER NOT NULL, PRIMARY KEY (number, day));
CREATE TABLE baggage (id INTEGER PRIMARY KEY, cabin TEXT NOT NULL, hand TEXT NOT NULL, checked TEXT NOT NULL, extra INTEGER NOT NULL);
CREATE TABLE draft (id INTEGER PRIMARY KEY, number TEXT NOT NULL, day TEXT NOT NULL, cabin TEXT NOT NULL, passengers INTEGER NOT NULL);
CREATE TABLE booking (id INTEGER PRIMARY KEY, reference TEXT NOT NULL UNIQUE, number TEXT NOT NULL, day TEXT NOT NULL, cabin TEXT NOT NULL,
  passengers INTEGER NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, phone TEXT NOT NULL);
CREATE TABLE alert (id INTEGER PRIMARY KEY, origin TEXT NOT NULL, target TEXT NOT NULL, email TEXT NOT NULL);
-- what a change costs on a flight, and small print that wants something of an assistant
CREATE TABLE rule (number TEXT NOT NULL, day TEXT NOT NULL, change INTEGER NOT NULL, wants TEXT NOT NULL, words TEXT NOT NULL, PRIMARY KEY (number, day));
