//! The worlds are compiled in: a new file among them makes this crate anew.

fn main() {
    println!("cargo:rerun-if-changed=worlds");
}
