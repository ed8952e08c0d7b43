//! Further turns are judged one by one, each against its own request.
#![allow(clippy::unwrap_used, missing_docs)]

use wayfarer_actor_verifier::opinion::Judged;
use wayfarer_actor_verifier::turns::{merged, turns};
use wayfarer_core::action::{Action, Status};
use wayfarer_core::trajectory::FollowUp;
use wayfarer_core::verdict::{Evidence, Judge};
use wayfarer_core::{Opinion, StepIndex, Usage};
use wayfarer_testkit::{a_step, a_task, a_trajectory};

#[test]
fn each_turn_has_its_own_request_steps_and_answer() {
    let mut trajectory = a_trajectory(a_task("What is the price of the Trail Mug?"));
    let stop = || Action::Terminate { status: Status::Success, answer: "done".into() };
    trajectory.steps = (1..=5).map(|index| a_step(index, stop())).collect();
    trajectory.answer = Some("$12.00".into());
    trajectory.follow_ups = vec![FollowUp { intent: "And its colour?".into(), from_step: StepIndex(4), answer: Some("Forest".into()) }];

    let turns = turns(&trajectory);

    let seen: Vec<_> = turns
        .iter()
        .map(|turn| (turn.task.intent.as_str(), turn.steps.iter().map(|step| step.index.0).collect::<Vec<_>>(), turn.answer.as_deref()))
        .collect();
    assert_eq!(
        seen,
        [("What is the price of the Trail Mug?", vec![1, 2, 3], Some("$12.00")), ("And its colour?", vec![4, 5], Some("Forest"))]
    );
    assert_ne!(turns[0].task.id, turns[1].task.id, "each turn has a rubric of its own");
}

#[test]
fn an_attempt_passes_only_if_every_turn_does() {
    let opinion = |pass, score| Judged {
        opinion: Opinion {
            judge: Judge::Alignment,
            pass,
            score,
            reasoning: "so it is".into(),
            evidence: vec![Evidence { step: Some(1), ..Evidence::default() }],
            criteria: Vec::new(),
            usage: Usage::default(),
        },
        first_failure: (!pass).then_some(4),
        models: vec!["m".into()],
    };

    assert!(merged(vec![opinion(true, 1.0), opinion(true, 0.9)]).unwrap().opinion.pass);
    let failed = merged(vec![opinion(true, 1.0), opinion(false, 0.2)]).unwrap();
    assert_eq!((failed.opinion.pass, failed.opinion.score, failed.first_failure), (false, 0.2, Some(4)));
    assert!(failed.opinion.reasoning.contains("Turn 2"));
    let mut unproven = opinion(true, 1.0);
    unproven.opinion.evidence.clear();
    assert!(!merged(vec![opinion(true, 1.0), unproven]).unwrap().opinion.pass, "a turn without evidence carries none");
    assert!(merged(Vec::new()).is_none());
}
