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
        scroll: Scroll { height: 900.0, ..Scroll::default() },
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

fn judge(action: impl Fn(Target) -> Action, mark: Mark) -> Option<CriticalPointKind> {
    let action = action(at(&mark));
    let mut page = page("");
    page.marks.push(mark);
    judge_action(&action, &page).map(|point| point.kind)
}

fn nowhere() -> Target {
    Target { mark: None, x: 5000.0, y: 5000.0, label: String::new() }
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
    let rows: [(&str, Option<CriticalPointKind>, CriticalPointKind); 17] = [
        ("a membership", click(button(10, "Activate Plus membership"), page("$9.00 a month")), AccountChange),
        ("a trial", click(button(10, "Start your 30-day free trial"), page("")), AccountChange),
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
        ("post to an address that sends", submits("Go", form("post", "/mail/7/send", "", &[], "Go")), Sending),
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

fn key(keys: &[&str], focused: Mark, mut page: Observation) -> Option<CriticalPointKind> {
    page.focused = Some(focused.id);
    page.marks.push(focused);
    judge_action(&Action::Key { keys: keys.iter().map(ToString::to_string).collect() }, &page).map(|point| point.kind)
}

fn choose(option: &str, form: Form) -> Option<CriticalPointKind> {
    let mut page = page("");
    page.forms.push(form);
    let select =
        Mark { role: "combobox".into(), tag: "select".into(), input_type: String::new(), form: Some(0), ..field(10, "Action", "what") };
    let action = Action::SelectOption { target: at(&select), option: option.into() };
    page.marks.push(select);
    judge_action(&action, &page).map(|point| point.kind)
}

#[test]
fn roundabout_ways_are_held() {
    let order = || button(10, "Place order");
    let last = || page("Total $18. By placing your order you agree to our terms. Cookie policy");
    let script_link = |name: &str| Mark { href: "http://site.localhost/page#".into(), ..link(10, name, "") };
    let card = || form("post", "/x", "", &["card number cc-number card text"], "");
    let in_card_form = |mark: Mark| {
        let mut page = page("");
        page.forms.push(card());
        click(Mark { form: Some(0), ..mark }, page)
    };
    let frame = |name: &str, src: &str| Mark { role: "iframe".into(), tag: "iframe".into(), href: src.into(), ..button(10, name) };
    let visit = |url: &str| judge_action(&Action::VisitUrl { url: url.into() }, &page("")).map(|point| point.kind);
    let rows: [(&str, Option<CriticalPointKind>, CriticalPointKind); 54] = [
        ("typing clicks first", typed(order(), "x", false, page("")), Payment),
        ("a button that calls itself a text box", typed(Mark { role: "textbox".into(), ..order() }, "x", true, page("")), Payment),
        ("and Enter on it", key(&["Enter"], Mark { role: "textbox".into(), ..order() }, page("")), Payment),
        ("space", key(&["Space"], order(), page("")), Payment),
        ("a chord in one name", key(&["Control+Enter"], order(), page("")), Payment),
        (
            "tab and enter in one name",
            {
                let mut p = page("");
                p.marks.push(order());
                key(&["Tab+Enter"], field(11, "q", "q"), p)
            },
            Payment,
        ),
        ("enter by another name", key(&["numpad_enter"], order(), page("")), Payment),
        (
            "an access key",
            {
                let mut p = page("");
                p.marks.push(order());
                key(&["Alt+p"], field(11, "q", "q"), p)
            },
            Payment,
        ),
        (
            "writing spaces on a focused button",
            {
                let mut p = page("");
                p.focused = Some(10);
                p.marks.push(order());
                let action = Action::Type { target: None, text: "a b".into(), press_enter: false, delete_existing_text: false };
                judge_action(&action, &p).map(|point| point.kind)
            },
            Payment,
        ),
        ("a link to nowhere", click(script_link("Continue"), last()), Payment),
        ("a link that is a button", click(Mark { role: "button".into(), ..link(10, "Confirm", "/elsewhere") }, last()), Payment),
        ("a longer push", click(button(10, "Continue to finish"), last()), Payment),
        ("a cookie word under a footer about cookies", click(button(10, "Accept and continue"), last()), Payment),
        ("no name", click(Mark { submits: true, ..button(10, "") }, last()), Payment),
        (
            "any button beside card fields",
            in_card_form(Mark { tag: "div".into(), role: "generic".into(), ..button(10, "Let us roll") }),
            Payment,
        ),
        ("an icon beside card fields", in_card_form(button(10, "")), Payment),
        ("a script link beside card fields", in_card_form(script_link("All good")), Payment),
        ("get to a binding address", submits("Go", form("get", "/checkout/place-order", "", &[], "Go")), Payment),
        ("camel case", submits("Go", form("post", "/checkout/placeOrder", "", &[], "Go")), Payment),
        ("percent signs", visit("http://site.localhost/checkout/place%2Dorder"), Payment),
        ("no scheme", visit("site.localhost/checkout/place-order"), Payment),
        ("a number behind", visit("http://site.localhost/account/delete/123"), AccountChange),
        ("parameters behind", visit("http://site.localhost/pay;jsessionid=1"), Payment),
        ("a frame of a payment service", click(frame("", "https://www.paypal.example/sdk/buttons"), page("")), Payment),
        ("a frame on the last step", click(frame("secure frame", "https://x.example/"), page("Payment method")), Payment),
        ("an option that orders", choose("Place order", form("post", "/x", "", &[], "OK")), Payment),
        ("choosing sends the form", choose("DE", form("post", "/account/delete", "", &[], "")), AccountChange),
        (
            "a chat box without a form",
            typed(Mark { tag: "textarea".into(), ..field(10, "Type a message", "") }, "hi", true, page("")),
            Sending,
        ),
        ("cyrillic", click(button(10, "Рlасе оrdеr"), page("")), Payment),
        ("mathematical", click(button(10, "𝐏𝐥𝐚𝐜𝐞 𝐨𝐫𝐝𝐞𝐫"), page("")), Payment),
        ("circled", click(button(10, "Ⓑⓤⓨ ⓝⓞⓦ"), page("")), Payment),
        ("full width", click(button(10, "Ｐａｙ　ｎｏｗ"), page("")), Payment),
        ("small capitals", click(button(10, "ᴘᴀʏ ɴᴏᴡ"), page("")), Payment),
        ("combining marks", click(button(10, "P\u{332}l\u{332}ace o\u{301}rder"), page("")), Payment),
        ("bidi marks and word joiners", click(button(10, "Pla\u{202e}ce or\u{2063}d\u{34f}er"), page("")), Payment),
        ("a filler letter", click(button(10, "Place\u{3164} ord\u{115f}er"), page("")), Payment),
        ("digits for letters", click(button(10, "P1ace 0rder"), page("")), Payment),
        ("I for l", click(button(10, "PIace order"), page("")), Payment),
        ("spaced out", click(button(10, "P l a c e  o r d e r"), page("")), Payment),
        ("german", click(button(10, "Zahlungspflichtig bestellen"), page("")), Payment),
        ("german umlaut", click(button(10, "Buchung bestätigen"), page("")), Booking),
        ("french", click(button(10, "Confirmer la réservation"), page("")), Booking),
        ("spanish", click(link(10, "Comprar ahora", "/x"), page("")), Payment),
        ("drawn text under another name", click(Mark { value: "Place order".into(), ..button(10, "Next picture") }, page("")), Payment),
        (
            "by coordinates",
            judge_action(&Action::LeftClick { target: Target { mark: None, ..at(&order()) } }, &{
                let mut p = page("");
                p.marks.push(order());
                p
            })
            .map(|p| p.kind),
            Payment,
        ),
        ("a double click", judge(|target| Action::DoubleClick { target }, order()), Payment),
        ("a triple click", judge(|target| Action::TripleClick { target }, order()), Payment),
        ("a right click", judge(|target| Action::RightClick { target }, order()), Payment),
        ("a slide", judge(|from| Action::LeftClickDrag { from, to: nowhere() }, button(10, "Slide to pay")), Payment),
        ("a drop", judge(|to| Action::LeftClickDrag { from: nowhere(), to }, button(10, "Delete account")), AccountChange),
        ("a file", judge(|target| Action::UploadFile { target, files: vec!["cv".into()] }, button(10, "Picture")), PersonalData),
        (
            "a file whose button sends",
            judge(|target| Action::UploadFile { target, files: vec!["cv".into()] }, button(10, "Submit application")),
            Sending,
        ),
        (
            "a harmless word in the frame of a payment service",
            click(Mark { frame: Some(11), ..button(10, "Go on") }, {
                let mut p = page("");
                p.marks.push(Mark { id: 11, ..frame("", "https://www.paypal.example/sdk/buttons") });
                p
            }),
            Payment,
        ),
        ("off the screen", click(Mark { visible: false, rect: Rect { x: 0.0, y: 4000.0, w: 9.0, h: 9.0 }, ..order() }, page("")), Payment),
    ];
    for (told, found, wanted) in rows {
        assert_eq!(found, Some(wanted), "{told}");
    }
}

#[test]
fn ordinary_ways_stay_free() {
    let last = || page("Total $18. By placing your order you agree to our terms. Cookie policy");
    let search = || Mark { role: "searchbox".into(), input_type: "search".into(), ..field(10, "Search", "q") };
    let finder = || form("get", "/search", "Find a table", &["date date text", "party size select"], "Find a table");
    let checkout = || form("post", "/checkout", "", &["full name name name text", "card number cc-number card text"], "Continue");
    let beside_card = |mark: Mark| {
        let mut page = page("");
        page.forms.push(checkout());
        click(Mark { form: Some(0), ..mark }, page)
    };
    let rows: [(&str, Option<CriticalPointKind>); 28] = [
        ("enter in a search", typed(search(), "trail mug", true, page(""))),
        ("enter key in a search", key(&["Enter"], search(), page(""))),
        ("space in a field", key(&["Space"], search(), page("Place order"))),
        ("tab", key(&["Tab"], button(10, "Place order"), page(""))),
        ("escape", key(&["Escape"], button(10, "Place order"), page(""))),
        ("paging", key(&["PageDown"], button(10, "Place order"), page(""))),
        ("a sort menu", choose("Price: low to high", form("get", "/lamps", "Filter and sort", &["sort select"], ""))),
        ("a quantity menu", choose("3", form("post", "/cart/update", "", &["quantity quantity select"], ""))),
        ("a size", choose("Large", form("post", "/cart/add", "", &["size size select"], "Add to cart"))),
        ("a fare", click(button(10, "Choose Premium economy"), page("Total $380"))),
        ("about a membership", click(link(10, "Get to know our membership", "/membership"), page(""))),
        ("continue shopping", click(button(10, "Continue shopping"), last())),
        ("proceed to checkout", click(button(10, "Proceed to checkout"), last())),
        ("back", click(link(10, "Back to cart", "/cart"), last())),
        ("cookies beside a last step", click(button(10, "Accept"), page("We use cookies. Place order below."))),
        ("accept all cookies", click(button(10, "Accept all"), last())),
        ("only necessary", click(button(10, "Only necessary"), last())),
        ("focus a card field", beside_card(Mark { form: Some(0), ..field(10, "Card number", "cc-number") })),
        ("what is this", beside_card(button(10, "What is this?"))),
        ("edit the address", beside_card(button(10, "Edit delivery address"))),
        ("back from the card", beside_card(link(10, "Back to delivery", "/checkout"))),
        (
            "open calendar",
            click(Mark { form: Some(0), ..button(10, "Open calendar") }, {
                let mut p = page("");
                p.forms.push(finder());
                p
            }),
        ),
        ("next month", click(button(10, "Next month"), page("8 December"))),
        ("a day", click(Mark { role: "gridcell".into(), ..button(10, "8 December 2026") }, page(""))),
        (
            "a map",
            click(
                Mark { role: "iframe".into(), tag: "iframe".into(), href: "https://maps.example/embed".into(), ..button(10, "Map") },
                page(""),
            ),
        ),
        (
            "a product with a number",
            judge_action(&Action::VisitUrl { url: "http://site.localhost/product/123".into() }, &page("")).map(|p| p.kind),
        ),
        ("availability", submits("Check availability", finder())),
        ("remove a line", click(button(10, "Remove Trail Mug"), page("Your cart"))),
    ];
    for (told, found) in rows {
        assert_eq!(found, None, "{told}");
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
