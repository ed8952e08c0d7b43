//! Files of words that models were trained with.

use std::path::Path;
use wayfarer_actor_native::Prompts;

/// Reads one; what is wrong with it, in words.
pub fn prompts(file: &Path) -> Result<Prompts, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    let is_toml = file.extension().is_some_and(|extension| extension == "toml");
    Prompts::read(&text, is_toml).map_err(|why| format!("{}: {why}", file.display()))
}
