#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::action::{Status, Target};
use crate::observation::{Form, Mark, Rect, Scroll, Settle, Viewport};
use crate::{BlobHash, Observation};
use CriticalPointKind::{AccountChange, Booking, Payment, PersonalData, Sending};
use proptest::prelude::*;

fn page(text: &str) -> Observation {
    Observation {
        screenshot: BlobHash::of(b""),
        url: "http://site.localhost/page".into(),
        title: "A page".into(),
        viewport: Viewport::default(),
        scroll: Scroll { top: 0.0, height: 900.0 },
        marks: Vec::new(),
        forms: Vec::new(),
        focused: None,
        visible_text: text.into(),
        state_hash: "s".into(),
        settle: Settle::default(),
    }
}

fn form(method: &str, action: &str, name: &str, fields: &[&str], submit: &str) -> Form {
    Form {
        method: method.into(),
        action: format!("http://site.localhost{action}"),
        name: name.into(),
        fields: fields.iter().map(ToString::to_string).collect(),
        submit_texts: vec![submit.into()],
    }
}

fn button(id: u32, name: &str) -> Mark {
    let rect = Rect { x: f64::from(id) * 10.0, y: 0.0, w: 9.0, h: 9.0 };
    Mark { id, role: "button".into(), name: name.into(), tag: "button".into(), rect, visible: true, ..Mark::default() }
}

fn link(id: u32, name: &str, path: &str) -> Mark {
    Mark { role: "link".into(), tag: "a".into(), href: format!("http://site.localhost{path}"), ..button(id, name) }
}

fn field(id: u32, label: &str, attributes: &str) -> Mark {
    Mark { role: "textbox".into(), tag: "input".into(), input_type: "text".into(), field: attributes.into(), ..button(id, label) }
}

fn at(mark: &Mark) -> Target {
    let (x, y) = mark.rect.centre();
    Target { mark: Some(mark.id), x, y, label: format!("{} {:?}", mark.role, mark.name) }
}

fn click(mark: Mark, mut page: Observation) -> Option<CriticalPointKind> {
    let action = Action::LeftClick { target: at(&mark) };
    page.marks.push(mark);
    judge_action(&action, &page).map(|point| point.kind)
}

fn typed(mark: Mark, text: &str, press_enter: bool, mut page: Observation) -> Option<CriticalPointKind> {
    let action = Action::Type { target: Some(at(&mark)), text: text.into(), press_enter, delete_existing_text: true };
    page.marks.push(mark);
    judge_action(&action, &page).map(|point| point.kind)
}

fn submits(name: &str, form: Form) -> Option<CriticalPointKind> {
    let mut page = page("");
    page.forms.push(form);
    click(Mark { form: Some(0), submits: true, ..button(10, name) }, page)
}

#[test]
fn what_binds_is_held() {
    let rows: [(&str, Option<CriticalPointKind>, CriticalPointKind); 14] = [
        (
            "place order",
            submits("Place order", form("post", "/checkout/payment", "Payment", &["card number cc-number card text"], "Place order")),
            Payment,
        ),
        (
            "harmless text over card fields",
            submits("Continue", form("post", "/x", "", &["card number cc-number card text"], "Continue")),
            Payment,
        ),
        ("pay amount", click(button(10, "Pay $45.00"), page("")), Payment),
        ("disguised last step", click(button(10, "Continue"), page("Total $18. By placing your order you agree to our terms.")), Payment),
        ("post to a pay address", submits("Go", form("post", "/checkout/pay", "", &[], "Go")), Payment),
        (
            "confirm reservation",
            submits(
                "Confirm reservation",
                form("post", "/book", "Your details", &["your name name name text", "email email email email"], "Confirm reservation"),
            ),
            Booking,
        ),
        (
            "next in a booking form",
            submits("Next", form("post", "/reservations", "Book a table", &["phone tel phone tel"], "Next")),
            Booking,
        ),
        (
            "contact form",
            submits("Go", form("post", "/contact", "Contact us", &["email email email email", "message message textarea"], "Go")),
            Sending,
        ),
        ("send without a form", click(button(10, "Send"), page("")), Sending),
        ("apply", submits("Submit application", form("post", "/jobs/3", "", &["resume file"], "Submit application")), Sending),
        (
            "delivery details",
            submits(
                "Continue to payment",
                form(
                    "post",
                    "/checkout",
                    "Contact and delivery",
                    &["full name name name text", "email email email email"],
                    "Continue to payment",
                ),
            ),
            PersonalData,
        ),
        ("login", submits("Next", form("post", "/session", "", &["password current-password pw password"], "Next")), AccountChange),
        ("newsletter", submits("OK", form("post", "/newsletter", "Newsletter", &["email email email email"], "OK")), AccountChange),
        ("delete link", click(link(10, "Remove everything", "/account/delete"), page("")), AccountChange),
    ];
    for (told, found, wanted) in rows {
        assert_eq!(found, Some(wanted), "{told}");
    }
}

#[test]
fn browsing_stays_free() {
    let get_filter = || form("get", "/search", "Filter and sort", &["minimum price number", "size select"], "Apply");
    let cart = || form("post", "/cart/add", "", &["quantity quantity number", "size size select"], "Add to cart");
    let rows: [(&str, Option<CriticalPointKind>); 19] = [
        ("add to cart", submits("Add to cart", cart())),
        ("update quantity", submits("Update", form("post", "/cart/update", "", &["quantity quantity number"], "Update"))),
        ("remove", submits("Remove", form("post", "/cart/remove", "", &[], "Remove"))),
        ("apply filters", submits("Apply", get_filter())),
        ("search", submits("Search", form("get", "/search", "Search", &["search products q search"], "Search"))),
        ("submit a search", submits("Submit", form("get", "/search", "", &["q text"], "Submit"))),
        ("find a table", submits("Find a table", form("get", "/search", "", &["date date date", "party size select"], "Find a table"))),
        ("proceed to checkout", click(link(10, "Proceed to checkout", "/checkout"), page("Your cart"))),
        ("to the booking page", click(link(10, "Book a table", "/restaurants/lume/book"), page(""))),
        ("time slot", click(link(10, "19:30", "/restaurants/lume/book?time=19:30"), page("Choose a time"))),
        ("sign in link", click(link(10, "Sign in", "/login"), page(""))),
        ("cookies", click(button(10, "Accept all"), page("We use cookies"))),
        ("cookies in short", click(button(10, "OK"), page("We use cookies. Place order below."))),
        ("tab", click(Mark { role: "tab".into(), ..button(10, "Reviews (12)") }, page(""))),
        ("next page", click(link(10, "Next page", "/search?page=2"), page(""))),
        ("next picture", click(button(10, "Next"), page("A fine mug"))),
        (
            "type in a search box",
            typed(
                Mark { role: "searchbox".into(), input_type: "search".into(), ..field(10, "Search by name or address", "q") },
                "Main Street",
                true,
                page(""),
            ),
        ),
        ("city of a restaurant search", typed(field(10, "City or neighbourhood", "city"), "Old Town", false, page(""))),
        ("coupon", typed(field(10, "Promo code", "promo"), "SAVE5", false, page(""))),
    ];
    for (told, found) in rows {
        assert_eq!(found, None, "{told}");
    }
    for action in [
        Action::HistoryBack,
        Action::Scroll { pixels: -400, target: None },
        Action::Wait { seconds: 1.0 },
        Action::WebSearch { query: "trail mug".into() },
        Action::VisitUrl { url: "http://site.localhost/library/json.html".into() },
        Action::Terminate { status: Status::Success, answer: "place order".into() },
    ] {
        assert_eq!(judge_action(&action, &page("place order")), None, "{action:?}");
    }
}

#[test]
fn personal_data_is_known_by_its_field_or_its_form() {
    for (label, attributes) in [
        ("Your name", "name name"),
        ("Name", ""),
        ("E-mail", "email contact_email"),
        ("Mobile number", "tel phone"),
        ("Card number", "cc-number card"),
        ("Street", "address-line1 street"),
        ("When were you born?", "bday dob"),
        ("", "billingZipCode"),
    ] {
        assert_eq!(typed(field(10, label, attributes), "x", false, page("")), Some(PersonalData), "{label} {attributes}");
    }
    assert_eq!(typed(field(10, "Anything", "x1"), "write to maren@example.org", false, page("")), Some(PersonalData));
    assert_eq!(typed(field(10, "Anything", "x1"), "4242 4242 4242 4242", false, page("")), Some(PersonalData));
    assert_eq!(typed(field(10, "Product name", "product"), "mug", false, page("")), None);
    assert_eq!(typed(field(10, "Party size", "party"), "4", false, page("")), None);
}

#[test]
fn enter_submits_the_form_around_the_field() {
    let mut page = page("");
    page.forms.push(form("post", "/contact", "Contact us", &["email email email email", "message message textarea"], "Send"));
    let message = Mark { form: Some(0), tag: "textarea".into(), ..field(10, "Message", "message") };
    assert_eq!(typed(message.clone(), "Hello", false, page.clone()), None);
    assert_eq!(typed(message.clone(), "Hello", true, page.clone()), Some(Sending));
    page.focused = Some(10);
    page.marks.push(message);
    assert_eq!(judge_action(&Action::Key { keys: vec!["Enter".into()] }, &page).map(|point| point.kind), Some(Sending));
    page.marks.push(button(11, "Place order"));
    assert_eq!(judge_action(&Action::Key { keys: vec!["Tab".into(), "Enter".into()] }, &page).map(|point| point.kind), Some(Payment));
}

#[test]
fn a_click_counts_for_what_lies_under_the_pointer() {
    let mut page = page("");
    let card = Mark { rect: Rect { x: 0.0, y: 0.0, w: 400.0, h: 400.0 }, ..button(10, "Trail Mug") };
    let inner = Mark { rect: Rect { x: 150.0, y: 150.0, w: 100.0, h: 100.0 }, ..button(11, "Buy now") };
    page.marks = vec![card.clone(), inner];
    assert_eq!(judge_action(&Action::LeftClick { target: at(&card) }, &page).map(|point| point.kind), Some(Payment));
}

#[test]
fn grants_hold_for_their_host_and_count() {
    let mut page = page("");
    let order = button(10, "Place order");
    page.marks.push(order.clone());
    let action = Action::LeftClick { target: at(&order) };
    let grant = |host: &str| Grant { kinds: vec![Payment, PersonalData], host: host.into(), uses: 1, data: Default::default() };

    assert!(matches!(check(&action, &page, &[]), GateDecision::Held { .. }));
    assert!(matches!(check(&action, &page, &[grant("evil.localhost")]), GateDecision::Held { .. }));
    let mut grants = vec![grant("site.localhost")];
    let GateDecision::Permitted { critical_point } = check(&action, &page, &grants) else { panic!("not permitted") };
    consume(&mut grants, &critical_point);

    assert!(matches!(check(&action, &page, &grants), GateDecision::Held { .. }));
    let email = field(11, "E-mail", "email");
    let typing = Action::Type { target: Some(at(&email)), text: "a@example.org".into(), press_enter: false, delete_existing_text: true };
    page.marks.push(email);
    for _ in 0..3 {
        let GateDecision::Permitted { critical_point } = check(&typing, &page, &grants) else { panic!("typing does not count") };
        consume(&mut grants, &critical_point);
    }
}

#[test]
fn walls_are_told_from_pages() {
    assert!(looks_blocked(&page("Please verify you are a human to continue")).is_some());
    assert!(looks_blocked(&Observation { title: "Just a moment...".into(), ..page("") }).is_some());
    assert!(looks_blocked(&page("Trail Mug $18.00")).is_none());
    assert!(looks_blocked(&page(&format!("I am not a robot {}", "long text ".repeat(300)))).is_none());
}

proptest! {
    /// No element that says one of the irreversible phrases passes, whatever it is, however it is written.
    #[test]
    fn no_irreversible_word_passes(
        at_phrase in 0..irreversible_phrases().count(),
        upper in prop::collection::vec(any::<bool>(), 40),
        gap in prop::sample::select(vec![" ", "  ", "\n", "\t", "\u{a0}", " \u{200b}", "-", " the ", " my "]),
        around in prop::sample::select(vec![("", ""), ("  ", " »"), ("✓ ", "!"), ("Yes, ", " →"), ("\u{200b}", "\u{feff}")]),
        role in prop::sample::select(vec!["button", "link", "menuitem", "generic", "checkbox", "radio", "img"]),
        href in prop::sample::select(vec!["", "http://site.localhost/faq"]),
    ) {
        let (phrase, kind) = irreversible_phrases().nth(at_phrase).unwrap();
        let cased: String = phrase.chars().zip(upper.iter().cycle()).map(|(c, up)| if *up { c.to_ascii_uppercase() } else { c }).collect();
        let text = format!("{}{}{}", around.0, cased.replace(' ', gap), around.1);
        let mark = Mark { role: role.into(), tag: if href.is_empty() { "div".into() } else { "a".into() }, href: href.into(), ..button(10, &text) };
        let found = click(mark, page(""));
        prop_assert!(found.is_some(), "{text:?} passed; it should be {kind:?}");
        let by_label = Action::LeftClick { target: Target { mark: None, x: 5000.0, y: 5000.0, label: text.clone() } };
        prop_assert!(judge_action(&by_label, &page("")).is_some(), "label {text:?} passed");
    }

    #[test]
    fn the_gate_never_panics(text in "\\PC{0,60}", url in "\\PC{0,40}", label in "\\PC{0,20}") {
        let mut page = page(&text);
        page.url = url.clone();
        let _ = judge_action(&Action::VisitUrl { url }, &page);
        let _ = typed(field(10, &label, &text), &text, true, page.clone());
        let _ = click(button(10, &label), page);
    }
}
