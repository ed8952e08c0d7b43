//! The rules of the gate, one row each, most binding kinds first.

use super::deeds::{Deed, DeedKind, FormFacts};
use super::fields::Meaning;
use super::phrases::{ACCOUNT_WORDS, BENIGN_IN_FORMS, BOOKING_WORDS, DISGUISES, HARMLESS_GOALS, PAYMENT_WORDS, PUSHES, SENDING_WORDS};
use super::words::{holds_any, identifier_words, is_one_of, normal, says_any};
use crate::critical_point::CriticalPointKind as Kind;
use url::Url;

/// A rule, for documentation and audits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleInfo {
    /// Its name, as [`CriticalPoint::rule`](crate::critical_point::CriticalPoint::rule) gives it.
    pub name: &'static str,
    /// What kind of permission it asks for.
    pub kind: Kind,
}

pub(super) struct Rule {
    pub name: &'static str,
    pub kind: Kind,
    when: When,
}

/// What a rule looks at. Phrases are in the normal form of `words.rs`: lower case, no "my", "your", "the", "a".
enum When {
    /// Any activated element that says one of these, whatever it is.
    Says(&'static [&'static str]),
    /// An activated element that begins with the first word and goes on with a number: "Pay $12".
    SaysWithNumber(&'static str),
    /// An activated element that says just one of these and is neither a plain link nor part of a harmless GET form.
    ButtonSays(&'static [&'static str]),
    /// An activated element of that sort that begins with one of the first and holds one of the second, with other words between
    /// ("Activate Plus membership").
    ButtonTakesOut(&'static [&'static str], &'static [&'static str]),
    /// A form that asks for such things is submitted, whatever the button says.
    Submits(fn(&FormFacts, &str) -> bool),
    /// A harmless word ("Continue") is pressed where the page says that this is the last step.
    LastStep(&'static [&'static str]),
    /// A frame of another site is pressed, and it or its page speaks of money.
    OpaqueFrame(&'static [&'static str]),
    /// A form is submitted, or a link opened, to an address that ends in one of these verbs.
    AddressEnds(&'static [&'static str]),
    /// A file of the user is given away.
    Uploads,
    /// A field of a personal meaning is filled.
    Fills,
    /// What is written looks like personal data, wherever it goes.
    WritesPersonalData,
}

const fn row(name: &'static str, kind: Kind, when: When) -> Rule {
    Rule { name, kind, when }
}

/// The table. The first kinds bind most; within a kind the first row that fires gives its name.
const RULES: &[Rule] = &[
    row("payment.words", Kind::Payment, When::Says(PAYMENT_WORDS)),
    row("payment.pay_amount", Kind::Payment, When::SaysWithNumber("pay")),
    row(
        "payment.button",
        Kind::Payment,
        When::ButtonSays(&[
            "pay",
            "buy",
            "purchase",
            "order",
            "donate",
            "pay with card",
            "pay with paypal",
            "pay with apple pay",
            "paypal",
            "apple pay",
            "google pay",
            "charge",
            "transfer",
            "bid",
        ]),
    ),
    row("payment.card_form", Kind::Payment, When::Submits(|form, _| form.asks.card)),
    row(
        "payment.frame",
        Kind::Payment,
        When::OpaqueFrame(&[
            "pay",
            "paypal",
            "payment",
            "payments",
            "checkout",
            "card",
            "stripe",
            "braintree",
            "adyen",
            "klarna",
            "buy",
            "purchase",
            "place order",
        ]),
    ),
    row(
        "payment.last_step",
        Kind::Payment,
        When::LastStep(&[
            "by placing order",
            "by clicking place order",
            "place order",
            "will be charged",
            "complete purchase",
            "confirm order",
            "confirm payment",
            "confirm purchase",
            "agree to pay",
            "review and pay",
            "review order and",
        ]),
    ),
    row(
        "payment.address",
        Kind::Payment,
        When::AddressEnds(&[
            "pay",
            "pay now",
            "purchase",
            "place order",
            "placeorder",
            "confirm order",
            "confirm payment",
            "complete order",
            "complete purchase",
            "complete checkout",
            "charge",
            "buy",
            "buy now",
        ]),
    ),
    row("booking.words", Kind::Booking, When::Says(BOOKING_WORDS)),
    row(
        "booking.button",
        Kind::Booking,
        When::ButtonSays(&[
            "book",
            "reserve",
            "book table",
            "reserve table",
            "reserve room",
            "book room",
            "book flight",
            "book ticket",
            "book tickets",
            "reserve seats",
            "book it",
            "reserve it",
        ]),
    ),
    row(
        "booking.form",
        Kind::Booking,
        When::Submits(|form, own| {
            form.asks.personal
                && !form.asks.password
                && about(form, own, &["book", "booking", "reserve", "reservation", "reservations", "appointment", "bookings"])
        }),
    ),
    row(
        "booking.last_step",
        Kind::Booking,
        When::LastStep(&[
            "confirm booking",
            "confirm reservation",
            "complete booking",
            "complete reservation",
            "to confirm table",
            "by booking",
            "by reserving",
            "review booking",
            "review reservation",
        ]),
    ),
    row(
        "booking.address",
        Kind::Booking,
        When::AddressEnds(&["confirm booking", "confirm reservation", "cancel booking", "cancel reservation", "complete booking"]),
    ),
    row("sending.words", Kind::Sending, When::Says(SENDING_WORDS)),
    row(
        "sending.button",
        Kind::Sending,
        When::ButtonSays(&[
            "send",
            "submit",
            "post",
            "publish",
            "reply",
            "apply now",
            "easy apply",
            "vote",
            "share",
            "tweet",
            "comment",
            "enquire",
            "enquire now",
            "inquire",
            "call",
            "email seller",
            "report",
            "rsvp",
        ]),
    ),
    row(
        "sending.form",
        Kind::Sending,
        When::Submits(|form, own| {
            // "Contact and delivery" of a checkout is no message: without a field for one, the words must be plainer
            let to_a_person = about(
                form,
                own,
                &["message", "contact", "application", "apply", "enquiry", "inquiry", "feedback", "review", "question", "send", "comment"],
            );
            let plainly = about(form, own, &["message", "contact us", "application", "apply", "enquiry", "inquiry", "send"]);
            !form.asks.password
                && ((form.asks.message && (form.asks.personal || (!form.is_get && to_a_person))) || (form.asks.personal && plainly))
        }),
    ),
    // apart from the others, for programs "send" what is no message: see `requests.rs`
    row("sending.send", Kind::Sending, When::AddressEnds(&["send"])),
    row("sending.address", Kind::Sending, When::AddressEnds(&["send message", "submit application", "post review"])),
    row("account.words", Kind::AccountChange, When::Says(ACCOUNT_WORDS)),
    row(
        "account.button",
        Kind::AccountChange,
        When::ButtonSays(&[
            "subscribe",
            "create account",
            "register",
            "sign up",
            "signup",
            "join",
            "follow",
            "delete",
            "delete permanently",
            "deactivate",
            "enroll",
            "enrol",
            "save changes",
            "update profile",
            "save profile",
            "log in",
            "login",
            "sign in",
            "signin",
            "sign out",
            "log out",
            "logout",
        ]),
    ),
    row(
        "account.plan",
        Kind::AccountChange,
        When::ButtonTakesOut(
            &["activate", "start", "begin", "renew", "confirm", "upgrade", "get", "buy", "try", "cancel", "end", "pause"],
            &["membership", "subscription", "trial", "paid plan", "plus plan", "pro plan", "premium plan", "auto renewal"],
        ),
    ),
    row("account.password_form", Kind::AccountChange, When::Submits(|form, _| form.asks.password)),
    row(
        "account.email_form",
        Kind::AccountChange,
        When::Submits(|form, own| {
            form.asks.personal
                && about(
                    form,
                    own,
                    &[
                        "subscribe",
                        "subscription",
                        "newsletter",
                        "sign up",
                        "signup",
                        "register",
                        "registration",
                        "create account",
                        "account",
                        "join",
                        "notify me",
                        "waitlist",
                    ],
                )
        }),
    ),
    row(
        "account.last_step",
        Kind::AccountChange,
        When::LastStep(&[
            "are you sure you want to delete",
            "will be permanently deleted",
            "cannot be undone",
            "start membership",
            "confirm subscription",
        ]),
    ),
    row(
        "account.address",
        Kind::AccountChange,
        When::AddressEnds(&[
            "delete",
            "destroy",
            "unsubscribe",
            "deactivate",
            "delete account",
            "close account",
            "confirm",
            "cancel",
            "cancel subscription",
            "confirm email",
            "logout",
            "log out",
            "signout",
            "sign out",
        ]),
    ),
    row("personal.form", Kind::PersonalData, When::Submits(|form, _| form.asks.personal)),
    row("personal.file", Kind::PersonalData, When::Uploads),
    row("personal.field", Kind::PersonalData, When::Fills),
    row("personal.value", Kind::PersonalData, When::WritesPersonalData),
];

/// The rules in the order in which they are asked.
pub fn rules() -> impl Iterator<Item = RuleInfo> {
    RULES.iter().map(|rule| RuleInfo { name: rule.name, kind: rule.kind })
}

/// Texts that no element may carry and be activated without permission, whatever else the page looks like.
pub fn irreversible_phrases() -> impl Iterator<Item = (&'static str, Kind)> {
    RULES
        .iter()
        .filter_map(|rule| if let When::Says(phrases) = &rule.when { Some((*phrases, rule.kind)) } else { None })
        .flat_map(|(phrases, kind)| phrases.iter().map(move |phrase| (*phrase, kind)))
}

/// Rules that fire, in the order of the table, each with the deed it fired on.
pub(super) fn fired(deeds: &[Deed]) -> impl Iterator<Item = (&'static Rule, &Deed)> {
    RULES.iter().filter_map(move |rule| deeds.iter().find(|deed| rule.when.holds(deed)).map(|deed| (rule, deed)))
}

impl When {
    fn holds(&self, deed: &Deed) -> bool {
        match (self, &deed.kind) {
            (Self::Says(phrases), DeedKind::Activate { texts, .. }) => texts.iter().any(|text| says_any(text, phrases)),
            (Self::SaysWithNumber(word), DeedKind::Activate { texts, .. }) => texts.iter().any(|text| followed_by_number(text, word)),
            (Self::ButtonSays(phrases), DeedKind::Activate { texts, is_plain_link, form, submits, .. }) => {
                !is_plain_link && !is_harmless_get(*submits, form) && texts.iter().any(|text| is_one_of(&without_role(text), phrases))
            }
            (Self::ButtonTakesOut(verbs, things), DeedKind::Activate { texts, is_plain_link, form, submits, .. }) => {
                let takes_out = |text: &String| {
                    let text = without_role(text);
                    text.split_whitespace().next().is_some_and(|first| verbs.contains(&first))
                        && holds_any(&format!(" {} ", text.trim()), things)
                };
                !is_plain_link && !is_harmless_get(*submits, form) && texts.iter().any(takes_out)
            }
            (Self::Submits(asks), DeedKind::SubmitByEnter { form }) => asks(form, ""),
            (Self::Submits(asks), DeedKind::Activate { texts, form: Some(form), submits, is_plain_link, is_field, .. }) => {
                let banner = form.is_loose && answers_cookies(texts, &deed.page);
                // beside card fields, whatever is pressed and not known to be harmless may be what pays
                let unknown = form.asks.card && !form.is_loose && !is_field && !texts.iter().any(|text| holds_any(text, BENIGN_IN_FORMS));
                let disguised = !is_plain_link && !banner && !is_field && (unknown || texts.iter().any(|text| is_push(text)));
                (*submits || disguised) && asks(form, &texts.concat())
            }
            (Self::LastStep(words), DeedKind::Activate { texts, is_plain_link, form, submits, is_field, .. }) => {
                let nameless = *submits && texts.iter().all(|text| is_nameless(text));
                let harmless_get = *submits && form.as_ref().is_some_and(|form| form.is_get);
                let disguised = nameless || !is_field && texts.iter().any(|text| is_push(text));
                let in_form = form.as_ref().is_some_and(|form| !form.is_loose);
                let banner = !submits && !in_form && answers_cookies(texts, &deed.page);
                !is_plain_link && !harmless_get && !banner && disguised && holds_any(&deed.page, words)
            }
            (Self::OpaqueFrame(words), DeedKind::Activate { texts, is_opaque_frame: true, href, .. }) => {
                const LAST_STEP: &[&str] = &["by placing order", "will be charged", "review and pay", "payment method", "pay with"];
                holds_any(&identifier_words(href), words)
                    || texts.iter().any(|text| holds_any(text, words))
                    || holds_any(&deed.page, LAST_STEP)
            }
            (Self::AddressEnds(verbs), DeedKind::Activate { form, submits, href, .. }) => {
                form.as_ref().is_some_and(|form| *submits && ends_in(&form.action, verbs)) || ends_in(href, verbs)
            }
            (Self::AddressEnds(verbs), DeedKind::SubmitByEnter { form }) => ends_in(&form.action, verbs),
            (Self::AddressEnds(verbs), DeedKind::Visit { to, is_url: true }) => ends_in(to, verbs),
            (Self::Uploads, DeedKind::Upload { .. }) => true,
            (Self::Fills, DeedKind::Enter { meaning, value }) => {
                meaning.is_some_and(|meaning| meaning != Meaning::Message) && !value.is_empty()
            }
            (Self::WritesPersonalData, DeedKind::Enter { value, .. } | DeedKind::Visit { to: value, .. }) => looks_personal(value),
            _ => false,
        }
    }
}

/// Submits a form that only asks, and for nothing of the user's.
fn is_harmless_get(submits: bool, form: &Option<FormFacts>) -> bool {
    submits && form.as_ref().is_some_and(|form| form.is_get && !form.asks.personal && !form.asks.message)
}

/// The form, its address or the pressed element speaks of one of these.
fn about(form: &FormFacts, own: &str, words: &[&str]) -> bool {
    let address = Url::parse(&form.action).map(|url| normal(url.path())).unwrap_or_default();
    holds_any(own, words) || holds_any(&form.words, words) || holds_any(&address, words)
}

/// A harmless word under which a last step may hide: one alone, or one that begins the text ("Continue to review").
fn is_push(text: &str) -> bool {
    let text = without_role(text);
    is_one_of(&text, DISGUISES)
        || (text.split_whitespace().next().is_some_and(|first| PUSHES.contains(&first))
            && !holds_any(&format!(" {} ", text.trim()), HARMLESS_GOALS))
}

/// Nothing but the role that labels begin with.
fn is_nameless(text: &str) -> bool {
    matches!(text.trim(), "" | "button" | "link" | "generic" | "img" | "menuitem")
}

/// The button of a cookie banner: consent to cookies is not the user's to be asked about.
fn answers_cookies(texts: &[String], page: &str) -> bool {
    const ANSWERS: &[&str] = &["accept", "ok", "okay", "got it", "agree", "i agree", "accept and continue"];
    // a footer that links to "Cookies" makes no banner
    const BANNERS: &[&str] =
        &["use cookies", "uses cookies", "using cookies", "accept cookies", "all cookies", "cookies to", "cookies and similar"];
    holds_any(page, BANNERS) && texts.iter().all(|text| is_one_of(&without_role(text), ANSWERS))
}

/// Labels of targets begin with the role: `button "Send"`.
fn without_role(text: &str) -> String {
    let text = text.trim();
    let rest = ["button ", "link ", "menuitem ", "generic ", "div ", "span "].iter().find_map(|role| text.strip_prefix(role));
    rest.unwrap_or(text).to_owned()
}

fn followed_by_number(text: &str, word: &str) -> bool {
    const CURRENCIES: [&str; 6] = ["usd", "eur", "gbp", "us", "chf", "cad"];
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(2).any(|pair| pair[0] == word && (pair[1].starts_with(|c: char| c.is_ascii_digit()) || CURRENCIES.contains(&pair[1])))
}

/// Whether the last part of the path, or an `action=…` of the query, is one of the verbs.
fn ends_in(address: &str, verbs: &[&str]) -> bool {
    let address = address.trim();
    let whole = if address.contains("://") || address.is_empty() { address.to_owned() } else { format!("http://{address}") };
    let Ok(url) = Url::parse(&whole) else { return false };
    let joined = |text: &str| text.replace(' ', "");
    let is_verb = |text: &str| verbs.iter().any(|verb| joined(&identifier_words(text)) == joined(verb));
    let decode = |text: &str| -> String {
        // a form body spells "+" as a space and the rest as a path does
        url::form_urlencoded::parse(text.replace(['&', '='], " ").as_bytes()).map(|(key, _)| key.into_owned()).next().unwrap_or_default()
    };
    let mut segments = url.path_segments().into_iter().flatten().rev().filter(|segment| !segment.is_empty()).map(decode);
    let stem = |segment: &str| segment.split(['.', ';']).next().unwrap_or_default().to_owned();
    let is_number =
        |segment: &str| segment.contains(|c: char| c.is_ascii_digit()) && segment.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let last = segments.next().unwrap_or_default();
    let before = if is_number(&last) { segments.next().unwrap_or_default() } else { String::new() };
    is_verb(&stem(&last))
        || is_verb(&stem(&before))
        || url.query_pairs().any(|(key, value)| {
            let names_action = ["action", "do", "op", "cmd", "method", "_method", "task"].contains(&key.to_ascii_lowercase().as_str());
            (names_action && is_verb(&value)) || (is_verb(&key) && matches!(value.as_ref(), "1" | "true" | "yes"))
        })
}

/// An e-mail address or the number of a payment card.
fn looks_personal(value: &str) -> bool {
    let is_email = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        word.split_once('@').is_some_and(|(user, domain)| {
            !user.is_empty()
                && !user.contains(['/', ':'])
                && domain.contains('.')
                && domain.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '-')
        })
    };
    value.split([' ', '\n', '\t', ',', ';', '=', '&', '?']).any(is_email) || holds_card_number(value)
}

/// 13 to 19 digits, spaces and dashes between them allowed, with a right check digit (Luhn).
fn holds_card_number(value: &str) -> bool {
    let mut digits: Vec<u32> = Vec::new();
    for character in value.chars().chain(std::iter::once('.')) {
        match character.to_digit(10) {
            Some(digit) => digits.push(digit),
            None if matches!(character, ' ' | '-') => {}
            None => {
                if (13..=19).contains(&digits.len()) && passes_luhn(&digits) {
                    return true;
                }
                digits.clear();
            }
        }
    }
    false
}

fn passes_luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| if place % 2 == 0 { *digit } else { (digit * 2) / 10 + (digit * 2) % 10 })
        .sum();
    sum.is_multiple_of(10)
}
