//! What an instance of the shop remembers: cart, delivery details, orders, and which pages of the checkout were seen.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

/// The tables of an instance.
pub(crate) const SCHEMA: &str = "
CREATE TABLE cart_line (id INTEGER PRIMARY KEY, slug TEXT NOT NULL, colour TEXT NOT NULL, size TEXT NOT NULL, quantity INTEGER NOT NULL, UNIQUE (slug, colour, size));
CREATE TABLE delivery (id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL, email TEXT NOT NULL, address TEXT NOT NULL, city TEXT NOT NULL, postcode TEXT NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, name TEXT NOT NULL, email TEXT NOT NULL, address TEXT NOT NULL, city TEXT NOT NULL, postcode TEXT NOT NULL, card_last4 TEXT NOT NULL, total_cents INTEGER NOT NULL);
CREATE TABLE order_line (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders (id), slug TEXT NOT NULL, colour TEXT NOT NULL, size TEXT NOT NULL, quantity INTEGER NOT NULL, unit_cents INTEGER NOT NULL);
CREATE TABLE visits (id INTEGER PRIMARY KEY, page TEXT NOT NULL, detail TEXT NOT NULL);
";

/// A line of the cart or of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    pub(crate) id: i64,
    pub(crate) slug: String,
    pub(crate) colour: String,
    pub(crate) size: String,
    pub(crate) quantity: i64,
}

/// Where an order goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Delivery {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) address: String,
    pub(crate) city: String,
    pub(crate) postcode: String,
}

/// An order as it was placed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Order {
    pub(crate) number: String,
    pub(crate) delivery: Delivery,
    pub(crate) card_last4: String,
    pub(crate) total_cents: i64,
    pub(crate) lines: Vec<Line>,
}

fn line(row: &Row<'_>) -> rusqlite::Result<Line> {
    Ok(Line { id: row.get(0)?, slug: row.get(1)?, colour: row.get(2)?, size: row.get(3)?, quantity: row.get(4)? })
}

fn delivery_from(row: &Row<'_>, first: usize) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        name: row.get(first)?,
        email: row.get(first + 1)?,
        address: row.get(first + 2)?,
        city: row.get(first + 3)?,
        postcode: row.get(first + 4)?,
    })
}

pub(crate) fn cart(db: &Connection) -> rusqlite::Result<Vec<Line>> {
    db.prepare_cached("SELECT id, slug, colour, size, quantity FROM cart_line ORDER BY id")?.query_map([], line)?.collect()
}

pub(crate) fn cart_count(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("SELECT coalesce(sum(quantity), 0) FROM cart_line", [], |row| row.get(0))
}

/// Adds to the line of this variant; a line never holds more than 20.
pub(crate) fn add_line(db: &Connection, slug: &str, colour: &str, size: &str, quantity: i64) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO cart_line (slug, colour, size, quantity) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (slug, colour, size) DO UPDATE SET quantity = min(20, quantity + ?4)",
        params![slug, colour, size, quantity],
    )?;
    Ok(())
}

/// Sets the quantity of a line; zero removes it.
pub(crate) fn set_quantity(db: &Connection, id: i64, quantity: i64) -> rusqlite::Result<()> {
    if quantity <= 0 {
        db.execute("DELETE FROM cart_line WHERE id = ?1", [id])?;
    } else {
        db.execute("UPDATE cart_line SET quantity = ?2 WHERE id = ?1", params![id, quantity.min(20)])?;
    }
    Ok(())
}

pub(crate) fn delivery(db: &Connection) -> rusqlite::Result<Option<Delivery>> {
    db.query_row("SELECT name, email, address, city, postcode FROM delivery", [], |row| delivery_from(row, 0)).optional()
}

pub(crate) fn save_delivery(db: &Connection, to: &Delivery) -> rusqlite::Result<()> {
    db.execute(
        "INSERT OR REPLACE INTO delivery (id, name, email, address, city, postcode) VALUES (1, ?1, ?2, ?3, ?4, ?5)",
        params![to.name, to.email, to.address, to.city, to.postcode],
    )?;
    Ok(())
}

/// Turns the cart into an order, all or nothing; gives its number. `price` knows the unit price of a slug in cents.
pub(crate) fn place_order(
    db: &mut Connection,
    to: &Delivery,
    card_last4: &str,
    shipping_cents: i64,
    price: impl Fn(&str) -> i64,
) -> rusqlite::Result<String> {
    let transaction = db.transaction()?;
    let lines = cart(&transaction)?;
    let total: i64 = lines.iter().map(|line| line.quantity * price(&line.slug)).sum::<i64>() + shipping_cents;
    let earlier: i64 = transaction.query_row("SELECT count(*) FROM orders", [], |row| row.get(0))?;
    let number = format!("JP-{}", 48_213 + earlier * 17);
    transaction.execute(
        "INSERT INTO orders (number, name, email, address, city, postcode, card_last4, total_cents) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![number, to.name, to.email, to.address, to.city, to.postcode, card_last4, total],
    )?;
    let order = transaction.last_insert_rowid();
    for line in &lines {
        transaction.execute(
            "INSERT INTO order_line (order_id, slug, colour, size, quantity, unit_cents) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![order, line.slug, line.colour, line.size, line.quantity, price(&line.slug)],
        )?;
    }
    transaction.execute("DELETE FROM cart_line", [])?;
    transaction.commit()?;
    Ok(number)
}

/// All orders, oldest first.
pub(crate) fn orders(db: &Connection) -> rusqlite::Result<Vec<Order>> {
    let mut statement =
        db.prepare_cached("SELECT id, number, card_last4, total_cents, name, email, address, city, postcode FROM orders ORDER BY id")?;
    let heads: Vec<(i64, Order)> = statement
        .query_map([], |row| {
            let order = Order {
                number: row.get(1)?,
                card_last4: row.get(2)?,
                total_cents: row.get(3)?,
                delivery: delivery_from(row, 4)?,
                lines: Vec::new(),
            };
            Ok((row.get(0)?, order))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut lines = db.prepare_cached("SELECT id, slug, colour, size, quantity FROM order_line WHERE order_id = ?1 ORDER BY id")?;
    heads
        .into_iter()
        .map(|(id, order)| Ok(Order { lines: lines.query_map([id], line)?.collect::<rusqlite::Result<_>>()?, ..order }))
        .collect()
}

/// Notes that a page was opened, for the ground truth.
pub(crate) fn visit(db: &Connection, page: &str, detail: &str) -> rusqlite::Result<()> {
    db.execute("INSERT INTO visits (page, detail) VALUES (?1, ?2)", params![page, detail])?;
    Ok(())
}

/// Whether a page was ever opened.
pub(crate) fn visited(db: &Connection, page: &str) -> rusqlite::Result<bool> {
    db.query_row("SELECT EXISTS (SELECT 1 FROM visits WHERE page = ?1)", [page], |row| row.get(0))
}
