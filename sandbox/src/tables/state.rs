//! What an instance of Tablewise remembers: chosen slots, bookings, messages, and which pages were seen.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

/// The tables of an instance.
pub(crate) const SCHEMA: &str = "
CREATE TABLE draft (id INTEGER PRIMARY KEY, restaurant TEXT NOT NULL, date TEXT NOT NULL, time TEXT NOT NULL, party INTEGER NOT NULL);
CREATE TABLE booking (id INTEGER PRIMARY KEY, reference TEXT NOT NULL UNIQUE, restaurant TEXT NOT NULL, date TEXT NOT NULL, time TEXT NOT NULL, party INTEGER NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, phone TEXT NOT NULL);
CREATE TABLE message (id INTEGER PRIMARY KEY, restaurant TEXT NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE visits (id INTEGER PRIMARY KEY, page TEXT NOT NULL, detail TEXT NOT NULL);
";

/// A table at a time: the restaurant's slug, an ISO date, a time and a party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Seat {
    pub(crate) restaurant: String,
    pub(crate) date: String,
    pub(crate) time: String,
    pub(crate) party: u8,
}

/// Who comes or writes.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Guest {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) phone: String,
}

/// A booking as it was made.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Booking {
    pub(crate) reference: String,
    pub(crate) seat: Seat,
    pub(crate) guest: Guest,
}

/// A message as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) restaurant: String,
    pub(crate) body: String,
}

fn seat(row: &Row<'_>, first: usize) -> rusqlite::Result<Seat> {
    Ok(Seat { restaurant: row.get(first)?, date: row.get(first + 1)?, time: row.get(first + 2)?, party: row.get(first + 3)? })
}

/// Notes that a slot was chosen.
pub(crate) fn add_draft(db: &Connection, seat: &Seat) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO draft (restaurant, date, time, party) VALUES (?1, ?2, ?3, ?4)",
        params![seat.restaurant, seat.date, seat.time, seat.party],
    )?;
    Ok(())
}

/// The slot chosen last.
pub(crate) fn last_draft(db: &Connection) -> rusqlite::Result<Option<Seat>> {
    db.query_row("SELECT restaurant, date, time, party FROM draft ORDER BY id DESC LIMIT 1", [], |row| seat(row, 0)).optional()
}

/// Books a seat; gives the reference.
pub(crate) fn book(db: &mut Connection, seat: &Seat, guest: &Guest) -> rusqlite::Result<String> {
    let transaction = db.transaction()?;
    let earlier: i64 = transaction.query_row("SELECT count(*) FROM booking", [], |row| row.get(0))?;
    let reference = format!("TW{}", 70_341 + earlier * 13);
    transaction.execute(
        "INSERT INTO booking (reference, restaurant, date, time, party, name, email, phone) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![reference, seat.restaurant, seat.date, seat.time, seat.party, guest.name, guest.email, guest.phone],
    )?;
    transaction.commit()?;
    Ok(reference)
}

/// All bookings, oldest first.
pub(crate) fn bookings(db: &Connection) -> rusqlite::Result<Vec<Booking>> {
    db.prepare_cached("SELECT reference, name, email, phone, restaurant, date, time, party FROM booking ORDER BY id")?
        .query_map([], |row| {
            Ok(Booking {
                reference: row.get(0)?,
                guest: Guest { name: row.get(1)?, email: row.get(2)?, phone: row.get(3)? },
                seat: seat(row, 4)?,
            })
        })?
        .collect()
}

/// Stores a message.
pub(crate) fn send(db: &Connection, restaurant: &str, name: &str, email: &str, body: &str) -> rusqlite::Result<()> {
    db.execute("INSERT INTO message (restaurant, name, email, body) VALUES (?1, ?2, ?3, ?4)", params![restaurant, name, email, body])?;
    Ok(())
}

/// All messages, oldest first.
pub(crate) fn messages(db: &Connection) -> rusqlite::Result<Vec<Message>> {
    db.prepare_cached("SELECT restaurant, body FROM message ORDER BY id")?
        .query_map([], |row| Ok(Message { restaurant: row.get(0)?, body: row.get(1)? }))?
        .collect()
}

/// Notes that a page was opened, for the ground truth.
pub(crate) fn visit(db: &Connection, page: &str, detail: &str) -> rusqlite::Result<()> {
    db.execute("INSERT INTO visits (page, detail) VALUES (?1, ?2)", params![page, detail])?;
    Ok(())
}

/// Whether a page was ever opened for this restaurant.
pub(crate) fn visited(db: &Connection, page: &str, detail: &str) -> rusqlite::Result<bool> {
    db.query_row("SELECT EXISTS (SELECT 1 FROM visits WHERE page = ?1 AND detail = ?2)", [page, detail], |row| row.get(0))
}
