//! Exemplar proposal: make a template of a known task and fill its slots with other values that the site has.

use crate::proposal::{Proposal, ProposeError};
use crate::template::{Fill, fill};
use crate::work::Work;
use crate::{dates, gates, prompts};
use wayfarer_core::Task;
use wayfarer_core::prompt::propose::{MakeTemplate, RefillTemplate};
use wayfarer_core::task::Lineage;

pub(crate) async fn propose(mut work: Work<'_>, exemplar: &Task, count: u32) -> Result<Proposal, ProposeError> {
    let Some(start) = work.start_page(&exemplar.start_url).await else { return work.finish(count).await };
    let question = MakeTemplate { intent: exemplar.intent.clone(), category: exemplar.category };
    let Some(template) = work.ask(prompts::TEMPLATE, &question, &[], &exemplar.intent).await? else { return work.finish(count).await };
    if let Err(why) = crate::template::check(&template) {
        work.drop(&exemplar.intent, gates::MODEL, why);
        return work.finish(count).await;
    }
    let mut pages = vec![start.text.clone()];
    pages.extend(work.neighbours(&start).await);
    let seen_pages: Vec<String> = pages.iter().map(|page| page.url.clone()).collect();

    let mut avoid = work.avoid().await;
    avoid.push(exemplar.intent.clone());
    let question = RefillTemplate { template: template.clone(), pages, offers: start.offers, count, today: work.today_text(), avoid };
    let Some(refilled) = work.ask(prompts::REFILL, &question, &[], &template.template).await? else { return work.finish(count).await };

    for filling in refilled.fillings {
        let intent = match fill(&template, &filling.values) {
            Fill::Filled(intent) => intent,
            Fill::Same => {
                work.drop(&exemplar.intent, gates::DIFFERENT, "every slot holds what the exemplar has there");
                continue;
            }
            Fill::Missing(slot) => {
                work.drop(&template.template, gates::MODEL, format!("slot {slot:?} was given no value"));
                continue;
            }
        };
        if !work.admits(&intent, None, None) {
            continue;
        }
        let last_date = dates::dates_in(&intent).into_iter().max().map(dates::iso_text);
        let task = Task {
            id: work.task_id(work.candidates.len()),
            intent,
            start_url: exemplar.start_url.clone(),
            category: exemplar.category,
            strategy: work.strategy,
            expected_critical_point: exemplar.expected_critical_point,
            valid_from: last_date.is_some().then(|| work.today_text()),
            valid_until: last_date,
            lineage: Lineage {
                seed: work.seed.id.clone(),
                parent: Some(exemplar.id.clone()),
                earlier_intents: vec![exemplar.intent.clone()],
                template: Some(template.template.clone()),
                pages: seen_pages.clone(),
            },
        };
        work.candidates.push(task);
    }
    work.finish(count).await
}
