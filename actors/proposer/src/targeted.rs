//! Targeted-URL proposal: read a page and its neighbours, say what a person could want there, refine until nothing is left open.

use crate::gates;
use crate::prompts;
use crate::proposal::{Proposal, ProposeError};
use crate::work::{REFINE_ROUNDS, Work};
use url::Url;
use wayfarer_core::prompt::PageText;
use wayfarer_core::prompt::propose::{ProposeIntents, ProposedIntent};
use wayfarer_core::task::Lineage;
use wayfarer_core::{Category, Task};

/// Times that a model is asked for more, where gates turned too many away.
const ROUNDS: u32 = 2;

pub(crate) async fn propose(mut work: Work<'_>, url: &Url, hint: Option<Category>, count: u32) -> Result<Proposal, ProposeError> {
    let Some(start) = work.start_page(url).await else { return work.finish(count).await };
    let Some(site) = work.classify(&start.text, &start.offers, hint).await? else { return work.finish(count).await };
    let linked_pages = work.neighbours(&start).await;

    for _ in 0..ROUNDS {
        let missing = count.saturating_sub(work.candidates.len() as u32);
        if missing == 0 {
            break;
        }
        let question = ProposeIntents {
            page: start.text.clone(),
            offers: start.offers.clone(),
            linked_pages: linked_pages.clone(),
            category: site.category,
            count: missing,
            today: work.today_text(),
            avoid: work.avoid().await,
        };
        let Some(proposed) = work.ask(prompts::INTENTS, &question, &[], url.as_str()).await? else { break };
        if proposed.tasks.is_empty() {
            break;
        }
        for (place, one) in proposed.tasks.into_iter().enumerate() {
            if place >= missing as usize {
                work.drop(&one.intent, gates::QUOTA, format!("{missing} intents were asked for"));
                continue;
            }
            consider(&mut work, url, &start.text, &linked_pages, site.category, one).await?;
        }
    }
    work.finish(count).await
}

async fn consider(
    work: &mut Work<'_>,
    url: &Url,
    page: &PageText,
    linked_pages: &[PageText],
    category: Category,
    proposed: ProposedIntent,
) -> Result<(), ProposeError> {
    let mut earlier_intents = Vec::new();
    let refined = work.refine(&proposed.intent, page, linked_pages, REFINE_ROUNDS, &mut earlier_intents).await?;
    let Some(refined) = refined else { return Ok(()) };
    if !work.admits(&refined.intent, Some(&refined), proposed.valid_until.as_deref()) {
        return Ok(());
    }
    let mut pages = vec![page.url.clone()];
    pages.extend(linked_pages.iter().map(|page| page.url.clone()));
    let task = Task {
        id: work.task_id(work.candidates.len()),
        intent: refined.intent,
        start_url: url.clone(),
        category,
        strategy: work.strategy,
        expected_critical_point: proposed.critical_point,
        valid_from: proposed.valid_from,
        valid_until: proposed.valid_until,
        lineage: Lineage { seed: work.seed.id.clone(), parent: None, earlier_intents, template: None, pages },
    };
    work.candidates.push(task);
    Ok(())
}
