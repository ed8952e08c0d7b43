//! The prompt files of proposal.

use wayfarer_chat::PromptFile;

pub(crate) const CLASSIFY: PromptFile = PromptFile(include_str!("../prompts/classify.md"));
pub(crate) const INTENTS: PromptFile = PromptFile(include_str!("../prompts/intents.md"));
pub(crate) const REFINE: PromptFile = PromptFile(include_str!("../prompts/refine.md"));
pub(crate) const EXPLORE: PromptFile = PromptFile(include_str!("../prompts/explore.md"));
pub(crate) const TEMPLATE: PromptFile = PromptFile(include_str!("../prompts/template.md"));
pub(crate) const REFILL: PromptFile = PromptFile(include_str!("../prompts/refill.md"));
