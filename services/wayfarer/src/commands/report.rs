//! `wayfarer sandbox report`: tasks of the worlds through the whole factory, and every verdict held against what the worlds know.

use crate::cli::{BudgetFlags, FaultFlags, Generate, ModelFlags, Report as Flags};
use crate::commands::generate::{Source, generate_from};
use crate::commands::standin;
use crate::exit::{Exit, WrongUsage};
use crate::local::{WORLD_SEED, WorldsSetup, worlds_of_run};
use crate::report::{Attempted, Baseline, Report, page, tally, wire_name};
use anyhow::{Context, Result};
use time::{Date, OffsetDateTime};
use wayfarer_config::Config;
use wayfarer_core::critical_point::UserDecision;
use wayfarer_core::run::Solver;
use wayfarer_core::seed::SeedLine;
use wayfarer_core::verdict::CriticalPointReading;
use wayfarer_core::{Outcome, Strategy, Trajectory, Verdict};
use wayfarer_sandbox::engine::{Attack, AttackPlan, Critical, Known, Permission, WorldOracle};
use wayfarer_sandbox::truth::Truth;
use wayfarer_standin::Faults;
use wayfarer_store::Store;
use wayfarer_telemetry::ReadyRoles;

/// Runs and reports; the same output folder again reports on what is there, and resumes what is not done.
pub async fn report(flags: Flags, mut config: Config, ready: ReadyRoles) -> Result<Exit> {
    for (name, share) in [("--fail-rate", flags.fail_rate), ("--attack-rate", flags.attack_rate)] {
        if !(0.0..=1.0).contains(&share) {
            return Err(WrongUsage(format!("{name} must lie between 0 and 1")).into());
        }
    }
    if let Some(folder) = &flags.skills_dir {
        wayfarer_standin::skill::install(folder)?;
    }
    config.judge.policy = flags.policy;
    // what is measured must not be told
    config.judge.oracle = false;
    let today = day(&flags.today)?;
    let data = worlds_of_run(&flags.out);
    std::fs::create_dir_all(&data)
        .with_context(|| format!("the output folder {} cannot be made; give another --out", flags.out.display()))?;
    let oracle = WorldOracle::prepare(flags.worlds_dir.as_deref(), &data, WORLD_SEED, today)?;
    let tasks = oracle.sample(&flags.wanted, flags.attempts)?;
    if tasks.is_empty() {
        let known: Vec<&str> = oracle.families().collect();
        return Err(WrongUsage(format!("no family is called {}; there are {}", flags.wanted.join(", "), known.join(", "))).into());
    }
    let attacks = AttackPlan { percent: (flags.attack_rate * 100.0).round() as u64, seed: flags.seed };
    let lines = tasks
        .iter()
        .map(|task| Ok(SeedLine::Given { task: task.intent.clone(), start_url: task.start_url.parse()?, category: task.category }))
        .collect::<Result<Vec<_>>>()?;
    let source = Source { lines, worlds: WorldsSetup { dir: flags.worlds_dir.clone(), attacks }, created_unix_ms: Some(morning_of(today)) };
    let generate = generate_flags(&flags, tasks.len());
    let faults = standin::faults(&generate.model.faults)?;
    let exit = generate_from(&generate, config, &source, ready).await?;
    if matches!(exit, Exit::Interrupted) {
        return Ok(exit);
    }

    let store = Store::open(&flags.out)?;
    let is_standin = flags.model.is_none();
    let mut attempted = Vec::new();
    for attempt in store.attempts().await? {
        let trajectory = store.get_trajectory(&attempt).await?;
        let verdict = store.get_verdict(&attempt).await?;
        let Some(known) = oracle.check(&trajectory) else { continue };
        attempted.push(row(&trajectory, verdict.as_ref(), &known, is_standin.then_some(&faults), attacks));
    }
    let report = tally(&attempted);
    let command = command_of(&flags);
    write(&flags, &report, &attempted, &command)?;
    print(&report, &attempted);
    let page = flags.out.join("report.html");
    println!("Open {}", page.canonicalize().unwrap_or(page).display());
    if let Some(path) = &flags.write_baseline {
        let text = serde_json::to_string_pretty(&Baseline::of(&report, &command))?;
        std::fs::write(path, format!("{text}\n")).with_context(|| format!("writing {}", path.display()))?;
    }
    if flags.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    let worse = match &flags.baseline {
        Some(path) => Baseline::read(path)?.worsened(&report),
        None => Vec::new(),
    };
    for one in &worse {
        eprintln!("worse than the baseline: {one}");
    }
    Ok(if worse.is_empty() { exit } else { Exit::CheckFailed })
}

/// The command that makes this report again.
fn command_of(flags: &Flags) -> String {
    let worlds = if flags.wanted.is_empty() { String::new() } else { format!(" --worlds {}", flags.wanted.join(",")) };
    let kinds = if flags.kinds.is_empty() { String::new() } else { format!(" --kinds {}", flags.kinds.join(",")) };
    format!(
        "wayfarer sandbox report{worlds} --attempts {} --fail-rate {}{kinds} --approve {} --attack-rate {} --seed {} --policy {}",
        flags.attempts,
        flags.fail_rate,
        flags.approve,
        flags.attack_rate,
        flags.seed,
        flags.policy.as_str()
    )
}

fn day(text: &str) -> Result<Date> {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    Date::parse(text, format).map_err(|_| WrongUsage(format!("--today {text:?} is not an ISO 8601 date such as 2026-12-01")).into())
}

fn morning_of(day: Date) -> u64 {
    let morning = OffsetDateTime::new_utc(day, time::macros::time!(8:00));
    u64::try_from(morning.unix_timestamp()).unwrap_or_default() * 1000
}

fn generate_flags(flags: &Flags, tasks: usize) -> Generate {
    Generate {
        seeds: Default::default(),
        out: flags.out.clone(),
        tasks: u32::try_from(tasks).unwrap_or(u32::MAX),
        strategies: vec![Strategy::World],
        attempts: 1,
        seed: flags.seed,
        solver: Solver::Ledger,
        model: ModelFlags {
            model: flags.model.clone(),
            faults: FaultFlags {
                standin_fail_rate: flags.fail_rate,
                standin_seed: flags.seed,
                standin_kinds: flags.kinds.clone(),
                standin_gullible: false,
            },
        },
        approve: flags.approve,
        // a further turn is not what the world's oracle knows
        follow_up: 0.0,
        slots: flags.slots,
        budget: BudgetFlags::default(),
        allow_host: Vec::new(),
        nats_url: None,
        redis_url: None,
        json: false,
        quiet: false,
    }
}

fn row(trajectory: &Trajectory, verdict: Option<&Verdict>, known: &Known, faults: Option<&Faults>, attacks: AttackPlan) -> Attempted {
    let (right, why) = match &known.truth {
        Truth::Success => (Some(true), String::new()),
        Truth::Failure { why } => (Some(false), why.clone()),
        Truth::Unknown { why } => (None, why.clone()),
    };
    let task = &known.task;
    let overlay = attacks.of_task(trajectory.task.id.as_str()).filter(|_| known.takes_overlay).map(Attack::name);
    let reached = !trajectory.critical_points.is_empty();
    let mut usage = trajectory.usage;
    if let Some(verdict) = verdict {
        usage += verdict.usage;
    }
    Attempted {
        attempt: trajectory.attempt.to_string(),
        intent: task.intent.clone(),
        category: wire_name(&task.category),
        world: task.family.split('/').next().unwrap_or_default().to_owned(),
        family: task.family.clone(),
        level: wire_name(&task.level),
        kind: wire_name(&task.kind),
        fault: faults.and_then(|faults| faults.of_task(&task.intent)).map(|fault| fault.as_str().to_owned()),
        attack: task.attack.clone().or(overlay),
        obeyed: known.obeyed,
        outcome: trajectory.outcome.name().to_owned(),
        right,
        why,
        judges: verdict
            .map(|verdict| verdict.opinions.iter().map(|one| (one.judge.as_str().to_owned(), one.pass)).collect())
            .unwrap_or_default(),
        accepted: verdict.map(|verdict| verdict.decision.name() == "accepted"),
        class: class_of(task.critical),
        class_read: verdict.and_then(|verdict| verdict.critical_point.as_ref()).map(CriticalPointReading::class),
        reached,
        approved: trajectory
            .critical_points
            .iter()
            .any(|point| matches!(point.decision, Some(UserDecision::Approve | UserDecision::Supply))),
        crossed: known.crossed,
        stopped_early: trajectory.outcome == Outcome::StoppedAtCriticalPoint && right == Some(false) && !known.crossed,
        steps: trajectory.steps.len(),
        cost_usd: usage.cost_usd,
        tokens: usage.prompt_tokens + usage.completion_tokens,
    }
}

/// The class of a task as its world knows it, in the letters of [`CriticalPointReading::class`].
fn class_of(critical: Option<Critical>) -> String {
    let reading = |critical: Critical| CriticalPointReading {
        kind: Some(critical.kind),
        permission_granted: critical.permission == Permission::Given,
        information_provided: critical.informed,
        task_specified: critical.specified,
        expected_behavior: String::new(),
    };
    critical.map_or_else(|| "none".to_owned(), |critical| reading(critical).class())
}

fn write(flags: &Flags, report: &Report, attempted: &[Attempted], command: &str) -> Result<()> {
    let put = |name: &str, text: String| {
        let path = flags.out.join(name);
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    };
    let document = serde_json::json!({ "command": command, "report": report, "attempts": attempted });
    put("report.json", serde_json::to_string_pretty(&document)?)?;
    put("report.html", page(report, attempted, command, flags.model.as_deref())?)
}

fn print(report: &Report, attempted: &[Attempted]) {
    for one in attempted.iter().filter(|one| one.right != Some(true) || one.accepted != Some(true)) {
        let truth = match one.right {
            Some(true) => "right",
            Some(false) => "wrong",
            None => "unknown",
        };
        let verdict = match one.accepted {
            Some(true) => "accepted",
            Some(false) => "rejected",
            None => "no verdict",
        };
        let fault = one.fault.as_deref().map(|fault| format!(" [{fault}]")).unwrap_or_default();
        let why = if one.why.is_empty() { String::new() } else { format!(" — {}", one.why) };
        println!("  {truth:<7} {verdict:<10} {:<24} {}{fault}: {}{why}", one.family, one.attempt, one.intent);
    }
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    println!(
        "{} attempts with known truth ({} left out), {} done right",
        report.attempts,
        report.left_out,
        percent(report.truth_success.value)
    );
    println!("{:<16}{:>22}{:>22}{:>12}{:>12}{:>8}", "", "false positives", "false negatives", "precision", "recall", "kappa");
    let line = |name: &str, one: &crate::report::Agreement| {
        let with = |share: &crate::report::Share| {
            format!("{} ({}-{})", percent(share.value), (share.low * 100.0).round(), (share.high * 100.0).round())
        };
        println!(
            "{name:<16}{:>22}{:>22}{:>12}{:>12}{:>8.2}",
            with(&one.fp),
            with(&one.r#fn),
            percent(one.precision.value),
            percent(one.recall.value),
            one.kappa
        );
    };
    line("verdict", &report.verdict);
    for (judge, agreement) in &report.judges {
        line(judge, agreement);
    }
    for (name, groups) in
        [("world", &report.by_world), ("kind", &report.by_kind), ("level", &report.by_level), ("failure", &report.by_fault)]
    {
        println!("by {name}:");
        for (key, group) in groups {
            println!(
                "  {key:<16}{:>5} attempts, {:>8} right, verdict misses {} and loses {}",
                group.attempts,
                percent(group.success.value),
                group.verdict.counts.false_pass,
                group.verdict.counts.false_fail
            );
        }
    }
    for (attack, group) in &report.by_attack {
        println!("  attack {attack:<18}{:>4} attempts, {} obeyed, {} verdicts right", group.attempts, group.obeyed, group.verdict_right);
    }
    let spread = &report.diversity;
    println!(
        "tasks: {} categories (evenness {:.2}), {} families, {} of them near-duplicates, distinct openings {}, distinct pairs of words {}",
        spread.by_category.len(),
        spread.category_evenness,
        spread.skills,
        percent(spread.near_duplicates),
        percent(spread.distinct_openings),
        percent(spread.distinct_pairs)
    );
    let points = &report.critical_points;
    for (class, one) in &points.by_class {
        println!(
            "  class {class:<8}{:>5} attempts, {} met a critical point, {} crossed it, {} of {} read right by the judges",
            one.attempts, one.reached, one.crossed, one.read_right, one.asked
        );
    }
    println!(
        "critical points: {} reached, {} approved, {} held, {} crossed, {} stopped too early",
        points.reached, points.approved, points.held, points.crossed, points.stopped_early
    );
}
