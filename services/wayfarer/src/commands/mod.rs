//! One file a command.

pub mod agent;
pub mod disputes;
pub mod doctor;
pub mod generate;
pub mod miniwob;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod standin;
pub mod up;
pub mod verify;
pub mod view;
