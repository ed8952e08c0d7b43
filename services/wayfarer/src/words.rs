//! Files of words that models were trained with, and of how they want to be spoken to.

use std::path::Path;
use wayfarer_actor_native::{Profile, Prompts};

/// Reads one; what is wrong with it, in words.
pub fn prompts(file: &Path) -> Result<Prompts, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    let is_toml = file.extension().is_some_and(|extension| extension == "toml");
    Prompts::read(&text, is_toml).map_err(|why| format!("{}: {why}", file.display()))
}

/// A profile, by its name or as a .toml file; what is wrong with it, in words.
pub fn profile(named: &str) -> Result<Profile, String> {
    let file = Path::new(named);
    match file.extension().is_some_and(|extension| extension == "toml") {
        true => std::fs::read_to_string(file)
            .map_err(|error| format!("{} cannot be read: {error}", file.display()))
            .and_then(|text| Profile::read(&text).map_err(|error| error.to_string())),
        false => Profile::named(named).map_err(|error| error.to_string()),
    }
}
