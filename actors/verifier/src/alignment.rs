//! The alignment judge: do the actions and the answer match the intent?

use crate::opinion::{self, Calls, Judged};
use crate::record;
use crate::{VerifierDeps, VerifyError, scope_of};
use wayfarer_chat::{PromptFile, ask};
use wayfarer_core::Trajectory;
use wayfarer_core::prompt::judge::JudgeAlignment;
use wayfarer_core::verdict::Judge;

const PROMPT: PromptFile = PromptFile(include_str!("../prompts/alignment.md"));

/// Judges from the record of steps and the last page.
pub async fn judge(deps: &VerifierDeps, trajectory: &Trajectory) -> Result<Judged, VerifyError> {
    let question = JudgeAlignment { record: record::record_of(trajectory), last: record::last_shot(trajectory) };
    let mut calls = Calls::default();
    let reply = calls.book(ask(&*deps.model, &scope_of(trajectory), PROMPT, &question, &[]).await?);
    Ok(opinion::from_reply(Judge::Alignment, trajectory, reply, calls))
}
