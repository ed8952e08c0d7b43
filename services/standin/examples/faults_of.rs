#![allow(missing_docs)]
use std::io::BufRead;
fn main() {
    let faults = wayfarer_standin::Faults { rate: 0.3, ..Default::default() };
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        println!("{}", faults.of_task(&line).map_or("-", |kind| kind.as_str()));
    }
}
