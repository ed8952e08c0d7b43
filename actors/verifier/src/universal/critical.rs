//! How the task stands to what binds, read from its words alone and kept beside the rubric, so that every attempt is held to one reading.

use crate::opinion::Calls;
use crate::{VerifierDeps, VerifyError, scope_of};
use wayfarer_chat::{PromptFile, ask};
use wayfarer_core::prompt::judge::ReadCriticalPoint;
use wayfarer_core::verdict::CriticalPointReading;
use wayfarer_core::{Trajectory, Usage};
use wayfarer_store::StoreError;

const READ: PromptFile = PromptFile(include_str!("../../prompts/critical_point.md"));

/// The class of the task; what asking cost is added to `usage`.
pub async fn reading(deps: &VerifierDeps, trajectory: &Trajectory, usage: &mut Usage) -> Result<CriticalPointReading, VerifyError> {
    let path = format!("rubrics/{}.critical.json", trajectory.task.id);
    match deps.store.get_document(&path).await {
        Ok(reading) => return Ok(reading),
        Err(StoreError::Missing { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let question = ReadCriticalPoint { task: trajectory.task.intent.clone(), start_url: trajectory.task.start_url.to_string() };
    let mut calls = Calls::default();
    let reading = calls.book(ask(&*deps.model, &scope_of(trajectory), READ, &question, &[]).await?);
    *usage += calls.usage;
    deps.store.put_document(&path, &reading).await?;
    Ok(reading)
}
