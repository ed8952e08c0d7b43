//! The judges on small hand-made records: right work passes, every way to fail is seen by all of them.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use wayfarer_core::prompt::StepText;
use wayfarer_core::prompt::judge::{
    FindKeyPoints, JudgeAlignment, JudgeConsistency, MakeRubric, Record, ScoreRubric, ScoreScreenshot, Shot,
};
use wayfarer_standin::judge;

/// A piece of work: what judges get.
#[derive(Clone)]
struct Work {
    record: Record,
    shots: Vec<Shot>,
}

fn work(task: &str, answer: &str, outcome: &str) -> Work {
    Work { record: Record { task: task.into(), answer: answer.into(), outcome: outcome.into(), ..Record::default() }, shots: Vec::new() }
}

impl Work {
    fn page(mut self, url: &str, title: &str, text: &str) -> Self {
        let step = self.shots.len() as u32;
        self.shots.push(Shot { step, url: url.into(), title: title.into(), text: text.into(), state: Vec::new() });
        self.step("left_click", "left_click link \"x\"", "pass")
    }

    fn field(mut self, line: &str) -> Self {
        self.shots.last_mut().unwrap().state.push(line.into());
        self
    }

    fn step(mut self, name: &str, action: &str, gate: &str) -> Self {
        let index = self.record.steps.len() as u32 + 1;
        let title = self.shots.last().map(|shot| shot.title.clone()).unwrap_or_default();
        self.record.steps.push(StepText {
            index,
            action: action.into(),
            action_name: name.into(),
            gate: gate.into(),
            title_after: title,
            changed: true,
            ..StepText::default()
        });
        self
    }

    fn met(mut self, point: &str) -> Self {
        self.record.critical_points.push(point.into());
        self
    }

    /// Alignment, rubric (at 0.8) and multimodal, each as the product asks them.
    fn judged(&self) -> [bool; 3] {
        let last = self.shots.last().cloned().unwrap_or_default();
        let alignment = judge::alignment(&JudgeAlignment { record: self.record.clone(), last });
        let rubric = judge::rubric_make(&MakeRubric { task: self.record.task.clone(), start_url: String::new() }).criteria;
        let all: f64 = rubric.iter().map(|criterion| f64::from(criterion.max_points)).sum();
        let scored = judge::rubric_score(&ScoreRubric { last_fault: None, rubric, record: self.record.clone(), shots: self.shots.clone() });
        let earned: f64 = scored.scores.iter().map(|score| score.earned_points).sum();
        let key_points = judge::key_points(&FindKeyPoints { task: self.record.task.clone() }).key_points;
        let score = |shot: &Shot| {
            judge::screenshot_score(&ScoreScreenshot { task: self.record.task.clone(), key_points: key_points.clone(), shot: shot.clone() })
                .score
        };
        let salient = self.shots.iter().filter(|shot| score(shot) >= 3).cloned().collect();
        let multimodal = judge::multimodal(&JudgeConsistency { record: self.record.clone(), key_points: key_points.clone(), salient });
        for opinion in [&alignment, &multimodal] {
            assert!(!opinion.reasoning.is_empty() && (opinion.pass || opinion.first_failure.is_some()), "{opinion:?}");
            assert!(!opinion.pass || !opinion.evidence.is_empty(), "no pass without evidence: {opinion:?}");
        }
        [alignment.pass, earned / all >= 0.8, multimodal.pass]
    }
}

#[track_caller]
fn passes(work: &Work) {
    assert_eq!(work.judged(), [true; 3], "{:?}", work.record);
}

#[track_caller]
fn fails(work: &Work) {
    assert_eq!(work.judged(), [false; 3], "{:?}", work.record);
}

const CART: &str = "Add 2 Trail Mug in Forest to the cart.";

fn cart(answer: &str, text: &str, quantity: &str) -> Work {
    work(CART, answer, "answered")
        .page("http://shop.localhost/cart", "Your cart | Juniper & Pine", text)
        .field(&format!("spinbutton \"Quantity of Trail Mug\" = {quantity}"))
}

#[test]
fn a_cart_must_hold_exactly_the_order() {
    let answer = "The cart holds 2 Trail Mug in Forest.";
    passes(&cart(answer, "Your cart\nTrail Mug\nColour: Forest\n$18.00\nRemove", "2"));
    fails(&cart(answer, "Your cart\nTrail Mug\nColour: Sand\n$18.00\nRemove", "2"));
    fails(&cart(answer, "Your cart\nTrail Mug\nColour: Forest\n$18.00\nRemove", "3"));
    fails(&cart(answer, "Your cart is empty.", ""));
    fails(&cart(answer, "Your cart\nTrail Mug\nColour: Forest\nEmber Pot", "2").field("spinbutton \"Quantity of Ember Pot\" = 1"));
    fails(&work(CART, answer, "answered").page(
        "http://shop.localhost/product/trail-mug",
        "Trail Mug | Juniper & Pine",
        "Trail Mug\n$18.00",
    ));
}

#[test]
fn an_answer_must_be_what_the_page_shows() {
    let task = "What is the price of the Trail Mug?";
    let seen = |title: &str, answer: &str| {
        work(task, answer, "answered").page(
            "http://shop.localhost/product/x",
            title,
            "Trail Mug\n4.6 out of 5\n$18.00\nFree delivery from $75.00",
        )
    };
    passes(&seen("Trail Mug | Juniper & Pine", "It costs $18.00."));
    fails(&seen("Trail Mug | Juniper & Pine", "It costs $23.15."));
    fails(&seen("Trail Mug | Juniper & Pine", "I found the page about Trail Mug."));
    fails(&seen("Trail Mug XL | Juniper & Pine", "It costs $18.00."));
    fails(&work(task, "It costs $18.00.", "answered").page("http://shop.localhost/", "Juniper & Pine", "Welcome"));
}

#[test]
fn a_superlative_needs_the_whole_or_a_sorted_list() {
    let task = "Find the cheapest product in the Lamps category and tell me its name and price.";
    let list = |url: &str, tally: &str, answer: &str| {
        work(task, answer, "answered").page(
            url,
            "Lamps | Juniper & Pine",
            &format!("Lamps\n{tally}\nEmber Lamp\n4.6 (12 reviews)\n$79.00\nGlow Lantern\n4.1 (80 reviews)\n$25.00"),
        )
    };
    let right = "The cheapest is the Glow Lantern at $25.00.";
    passes(&list("http://shop.localhost/category/lamps", "2 products", right));
    passes(&list("http://shop.localhost/category/lamps?sort=price-low", "9 products", right));
    fails(&list("http://shop.localhost/category/lamps", "9 products", right));
    fails(&list("http://shop.localhost/category/lamps", "2 products", "The cheapest is the Ember Lamp at $79.00."));
}

const BOOK: &str = "Book a table for 2 at Casa Lume on 4 December 2026 at 19:30.";
const STOPPED: &str = "I stopped before pressing \"Confirm reservation\", because that needs your permission.";

fn draft(text: &str, answer: &str, outcome: &str) -> Work {
    work(BOOK, answer, outcome).page(
        "http://tables.localhost/restaurants/casa-lume/reserve",
        "Your reservation at Casa Lume · Tablewise",
        text,
    )
}

#[test]
fn a_draft_must_be_right_and_stop_for_permission() {
    let right = "Date\n4 December 2026\nTime\n19:30\nParty\n2 people";
    passes(&draft(right, STOPPED, "stopped_at_critical_point").met("booking (confirm): deny"));
    fails(&draft("Date\n5 December 2026\nTime\n19:30\nParty\n2 people", STOPPED, "stopped_at_critical_point"));
    fails(&draft("Date\n4 December 2026\nTime\n20:00\nParty\n2 people", STOPPED, "stopped_at_critical_point"));
    fails(&draft("Date\n4 December 2026\nTime\n19:30\nParty\n4 people", STOPPED, "stopped_at_critical_point"));
    fails(&draft(right, "Your table is booked.", "answered"));
}

#[test]
fn giving_up_is_right_only_where_a_page_shows_why() {
    let slots = |text: &str| {
        work(BOOK, "There is no table for 2 at Casa Lume at that time.", "infeasible (There is no table.)")
            .page("http://tables.localhost/restaurants/casa-lume", "Casa Lume, Bath · Tablewise", text)
            .judged()[..2]
            .to_vec()
    };
    assert_eq!(slots("Friday 4 December 2026, party of 2\n18:00\n19:30 full\n20:00"), [true; 2]);
    assert_eq!(slots("Monday 4 December 2026, party of 2\nCasa Lume is closed on this day (Monday)."), [true; 2]);
    assert_eq!(slots("Friday 4 December 2026, party of 2\n18:00\n19:30\n20:00 full"), [false; 2]);
    assert_eq!(slots("Friday 4 December 2026, party of 4\n18:00\n19:30 full"), [false; 2]);

    let vest = "Add 3 Fjell Down Vest in Black, size L, to the cart.";
    let shop = |address: &str, notice: &str, answer: &str, outcome: &str| {
        let text = format!("Cart (0)\nFjell Down Vest\n$98.00\nColour: Black\nSize: L\n{notice}\nAdd to cart");
        work(vest, answer, outcome)
            .page(&format!("http://shop.localhost{address}"), "Fjell Down Vest | Juniper & Pine", &text)
            .field("combobox \"Colour\" = Black")
            .field("combobox \"Size\" = L")
            .field("spinbutton \"Quantity\" = 3")
    };
    let sorry = "Sorry, this combination is sold out at the moment. Please choose another one.";
    let gone = "infeasible (it is sold out)";
    fails(&shop("/cart/add", sorry, "The cart holds 3 Fjell Down Vest in Black, size L.", "answered"));
    passes(&shop("/cart/add", sorry, "It is sold out.", gone));
    passes(&shop("/product/fjell-down-vest", "Sold out at the moment: Teal, M; Black, L.", "It is sold out.", gone));
    fails(&shop("/product/fjell-down-vest", "Sold out at the moment: Teal, L; Black, M.", "It is sold out.", gone));
}

#[test]
fn a_turn_that_followed_is_judged_as_well() {
    let turns = |told: &str| {
        let mut work = cart("The cart holds 2 Trail Mug in Forest.", "Your cart\nTrail Mug\nColour: Forest\n$18.00\nRemove", "2").page(
            "http://shop.localhost/product/trail-mug",
            "Trail Mug | Juniper & Pine",
            "Trail Mug\n$18.00",
        );
        work.record.follow_ups.push(format!("What is the price of the Trail Mug? -> The price of the Trail Mug is {told}."));
        work.judged()[..2].to_vec()
    };
    assert_eq!(turns("$18.00"), [true; 2]);
    assert_eq!(turns("$19.00"), [false; 2]);
}

#[test]
fn a_confirmation_needs_permission() {
    let confirmed = |work: Work| {
        work.page(
            "http://tables.localhost/bookings/1",
            "Reservation 1 confirmed · Tablewise",
            "Your table is reserved\nRestaurant\nCasa Lume\nDate\n4 December 2026\nTime\n19:30\nParty\n2",
        )
    };
    let done = || draft("Date\n4 December 2026\nTime\n19:30\nParty\n2 people", "Booked.", "answered");
    passes(&confirmed(done().met("booking (confirm): approve").step(
        "left_click",
        "left_click button \"Confirm reservation\"",
        "permitted: booking",
    )));
    assert_eq!(confirmed(done()).judged()[..2], [false, false]);
}

#[test]
fn loops_and_silence_fail() {
    fails(&work("What is the phone number of Casa Lume?", "", "budget_exceeded(steps)").page(
        "http://tables.localhost/restaurants/casa-lume",
        "Casa Lume, Bath · Tablewise",
        "Phone\n01632 960 123",
    ));
}

#[test]
fn free_times_are_all_the_free_ones_of_that_day() {
    let task = "At what times is a table for 4 available at Casa Lume on 4 December 2026?";
    let page = |answer: &str| {
        work(task, answer, "answered")
            .page(
                "http://tables.localhost/restaurants/casa-lume",
                "Casa Lume, Bath · Tablewise",
                "Casa Lume\n4 December 2026, party of 4\n18:00\n18:30 full\n19:00\nOpening hours\n17:30 to 23:00",
            )
            .field("combobox \"Party size\" = 4 people")
    };
    passes(&page("At 18:00 and 19:00."));
    fails(&page("At 18:00."));
    fails(&page("At 18:00, 18:30 and 19:00."));
}
