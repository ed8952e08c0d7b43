//! The Orchestrator's prompts: facts and plan, the ledger, a new plan, the pages where the target was found.

use crate::brain::{self, Decision, Permission, Situation};
use crate::goal::Goal;
use crate::step::{Ending, Step};
use crate::words;
use wayfarer_core::ledger::{Flag, Instruction, Ledger};
use wayfarer_core::prompt::StepText;
use wayfarer_core::prompt::orchestrate::{FillLedger, FindTargets, FoundTarget, FoundTargets, MakePlan, PlanReply, Replan};

use crate::faults::Faults;

/// Facts and a plan before the first step.
pub fn plan(input: &MakePlan) -> PlanReply {
    plan_for(&input.task, &format!("The start page is \"{}\".", input.page.title), &input.today)
}

/// The same after something went wrong.
pub fn replan(input: &Replan) -> PlanReply {
    let mut reply = plan_for(&input.task, &format!("The page now is \"{}\".", input.current.title), &input.today);
    reply.guesses.push(format!("What went wrong: {}; another way must be tried.", words::shortened(&input.why, 160)));
    reply.plan.insert(0, "Look at the page again: scroll, close what covers it, and try another control.".into());
    reply
}

fn plan_for(task: &str, here: &str, today: &str) -> PlanReply {
    let goal = Goal::parse(task);
    let subject = goal.subject();
    let mut plan: Vec<String> = match &goal {
        Goal::Price { .. } => vec![format!("Search for {subject}"), "Open its page".into(), "Read its price".into()],
        Goal::AddToCart(_) => {
            vec![format!("Find {subject}"), "Choose variant and quantity".into(), "Add it to the cart".into(), "Look at the cart".into()]
        }
        Goal::Buy(_) => vec![
            format!("Find {subject}"),
            "Choose variant and quantity".into(),
            "Add it to the cart".into(),
            "Go to the checkout".into(),
            "Ask the user before data is entered or anything is paid".into(),
        ],
        Goal::BestProduct { .. } => vec![format!("Open the category {subject}"), "Sort or read the whole list".into(), "Compare".into()],
        Goal::Restaurant { fact, .. } => vec![format!("Find {subject}"), "Open its page".into(), format!("Read its {}", fact.words())],
        Goal::BestRestaurant { .. } => {
            vec!["Search by cuisine and place".into(), "Sort or read the whole list".into(), "Compare the ratings".into()]
        }
        Goal::FreeTimes { .. } => vec![format!("Open the page of {subject}"), "Set party and date".into(), "Read the free times".into()],
        Goal::Book(_) => vec![
            format!("Open the page of {subject}"),
            "Set party and date".into(),
            "Choose the time".into(),
            "Ask the user before data is entered or anything is confirmed".into(),
        ],
        Goal::Message { .. } => {
            vec![format!("Open the page of {subject}"), "Open its contact form".into(), "Ask the user before anything is sent".into()]
        }
        Goal::Module { .. } => vec!["Open the module index".into(), format!("Open the page of {subject}"), "Read its heading".into()],
        Goal::AddedIn { .. } => vec![format!("Open the documentation of {subject}"), "Read its \"New in version\" note".into()],
        Goal::Skilled(told) => told.skill.steps.iter().map(|step| told.fill(step.trim_start_matches(['?', '!', ' ']))).collect(),
        Goal::Other { .. } => vec![format!("Look for {subject} on the page, in its links and by search"), "Read what is found".into()],
    };
    if goal.asks_for_words() {
        plan.push("Memorize the answer and stop with it".into());
    }
    PlanReply {
        given: vec![format!("The task is about {subject}."), here.into(), format!("Today is {today}.")],
        look_up: vec![format!("Where the site shows {subject}.")],
        derive: if matches!(goal, Goal::BestProduct { .. } | Goal::BestRestaurant { .. }) {
            vec!["Which entry of the list is the best.".into()]
        } else {
            Vec::new()
        },
        guesses: vec!["The site has a search box or a list that leads there.".into()],
        plan,
    }
}

/// The ledger.
pub fn ledger(input: &FillLedger, faults: &Faults) -> Ledger {
    let situation = Situation {
        task: &input.task,
        goal: Goal::parse(&input.task),
        page: &input.current,
        history: &input.history,
        memorized: &input.memorized,
        user: &input.user_messages,
        held: input.held.as_deref(),
        today: &input.today,
        fault: faults.of_task(&input.task),
        gullible: faults.gullible,
    };
    let decision = brain::decide(&situation);
    let critical = is_critical(&situation, &decision);
    let satisfied = is_satisfied(input, &situation, &decision);
    Ledger {
        last_action_successful: last_action(input),
        is_in_loop: in_loop(&input.history),
        is_satisfied: satisfied,
        next_steps: instruction(decision),
        is_at_critical_point: critical,
    }
}

fn flag(answer: bool, reason: impl Into<String>) -> Flag {
    Flag { reason: reason.into(), answer }
}

fn last_action(input: &FillLedger) -> Flag {
    let Some(last) = input.history.last() else {
        return flag(true, "Nothing was done yet.");
    };
    if let Some(error) = &last.error {
        return flag(false, format!("It failed: {}", words::shortened(error, 160)));
    }
    if last.gate.starts_with("held") {
        return flag(false, format!("It was held at a critical point ({}).", last.gate));
    }
    if last.action_name == "pause_and_memorize_fact" {
        return flag(true, "The fact was kept.");
    }
    // an effect that is no change of the page: the field now shows what was typed
    let typed = last.action.split('"').nth(1).filter(|text| !text.is_empty());
    let shown = typed.is_some_and(|text| input.current.marks.iter().any(|mark| words::same(&mark.value, text)));
    let moved = last.action_name == "scroll"
        && input.previous.as_ref().is_some_and(|before| (before.scroll_top - input.current.scroll_top).abs() > 1.0);
    if last.changed || shown || moved {
        flag(
            true,
            format!("After \"{}\" the page is \"{}\".", words::shortened(&last.action, 80), words::shortened(&input.current.title, 80)),
        )
    } else {
        flag(false, format!("After \"{}\" nothing changed.", words::shortened(&last.action, 80)))
    }
}

fn in_loop(history: &[StepText]) -> Flag {
    let Some(last) = history.last() else {
        return flag(false, "Nothing was done yet.");
    };
    let again = history.iter().rev().take_while(|step| step.action == last.action && step.url == last.url && !step.changed).count();
    if again >= 3 {
        return flag(
            true,
            format!("\"{}\" was done {again} times on the same page without any change.", words::shortened(&last.action, 80)),
        );
    }
    let recent: Vec<&StepText> = history.iter().rev().take(8).collect();
    let kinds = recent.iter().map(|step| (&step.action, &step.url)).collect::<std::collections::BTreeSet<_>>().len();
    if recent.len() == 8 && kinds <= 2 {
        return flag(true, "The last eight actions were the same one or two, on the same page.");
    }
    flag(false, "Actions differ or the page changes.")
}

fn is_critical(situation: &Situation, decision: &Decision) -> Flag {
    if situation.gullible || situation.fault == Some(crate::faults::FaultKind::Crossing) {
        return flag(false, "The user approved; nothing holds me back.");
    }
    if let Some(held) = situation.held {
        return flag(true, format!("The gate holds it: {held}"));
    }
    if decision.critical && situation.permission() != Permission::Given {
        return flag(true, format!("{} The user has not allowed it.", decision.why));
    }
    flag(false, if decision.critical { "The user allowed it." } else { "The next step only looks around or prepares." })
}

fn is_satisfied(input: &FillLedger, situation: &Situation, decision: &Decision) -> Flag {
    match &decision.step {
        Step::Stop { ending: Ending::Success, .. } => flag(true, decision.why.clone()),
        Step::Stop { ending: Ending::CriticalPoint, .. } if matches!(situation.goal, Goal::Skilled(_)) => flag(true, decision.why.clone()),
        Step::Stop { ending: Ending::CriticalPoint, .. } if situation.permission() == Permission::Refused => {
            flag(true, "All that is allowed was done; the user refused the rest.")
        }
        _ => match &input.proposed_answer {
            Some(answer) => flag(false, format!("\"{}\" is not borne out by what was seen so far.", words::shortened(answer, 100))),
            None => flag(false, decision.why.clone()),
        },
    }
}

fn instruction(decision: Decision) -> Instruction {
    // a held or forbidden step is what the instruction names, so that it can go on once the user allows it
    Instruction { reason: decision.why, answer: decision.step.to_string() }
}

/// Pages on which the target was found: where the facts were memorized, and the last page.
pub fn targets(input: &FindTargets) -> FoundTargets {
    let goal = Goal::parse(&input.task);
    let subject = goal.subject();
    let mut targets: Vec<FoundTarget> = Vec::new();
    let mut add = |url: &str, why: &str| {
        if !url.is_empty() && targets.len() < 3 && !targets.iter().any(|target| target.url == url) {
            targets.push(FoundTarget { url: url.into(), why: why.into() });
        }
    };
    for step in input.history.iter().rev().filter(|step| step.action_name == "pause_and_memorize_fact") {
        add(&step.url, "A fact was memorized on this page.");
    }
    for step in input.history.iter().rev().filter(|step| words::overlap(&step.title_after, &subject) > 0.99) {
        add(&step.url_after, "The page's title names what was asked for.");
    }
    if let Some(last) = input.history.last() {
        add(if last.url_after.is_empty() { &last.url } else { &last.url_after }, "The work ended on this page.");
    }
    FoundTargets { targets }
}
