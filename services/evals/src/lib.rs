//! Benchmarks that pages judge themselves: how much of what a mouse and a keyboard can do our browser layer does.
//!
//! `miniwob/` is MiniWoB++: 130 small pages that give a reward. They are played through the same sessions as every agent uses, by rules
//! that read what an agent reads, so that a failure is the browser layer's or a rule's, and no model's.

pub mod miniwob;
