//! What a form field means, from its label, `autocomplete`, `name`, `id` and `type`.

use super::words::{holds_any, identifier_words};
use crate::observation::Mark;

/// What a person would write into a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Card or bank data.
    Card,
    /// A password or one-time code.
    Password,
    /// Date of birth.
    Birth,
    /// Numbers that identify a person: passport, social security, driving licence.
    Identity,
    /// E-mail address.
    Email,
    /// Telephone number.
    Phone,
    /// A person's name or user name.
    Name,
    /// Street, postal code, address lines.
    Address,
    /// City, state or country: personal only beside other personal fields.
    Place,
    /// Free text for a person.
    Message,
}

impl Meaning {
    /// Typing into it reveals personal data wherever it stands.
    pub fn is_personal(self) -> bool {
        !matches!(self, Self::Place | Self::Message)
    }

    /// What is written into it is a secret: models, logs, pictures and datasets see a mask.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Card | Self::Password | Self::Identity)
    }

    /// The name in texts for a person.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Password => "password",
            Self::Birth => "birth_date",
            Self::Identity => "identity",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Name => "name",
            Self::Address => "address",
            Self::Place => "place",
            Self::Message => "message",
        }
    }
}

/// Fields that ask for things and not for people, whatever else their name says.
const NOT_PERSONAL: &[&str] = &[
    "search",
    "searchbox",
    "query",
    "q",
    "filter",
    "filters",
    "sort",
    "coupon",
    "promo",
    "promotion",
    "discount",
    "voucher",
    "gift card code",
    "quantity",
    "qty",
    "hidden",
    "submit",
    "button",
    "honeypot",
];

/// First match wins: a card holder's name is card data, an e-mail address is no postal one.
const MEANINGS: &[(Meaning, &[&str])] = &[
    (
        Meaning::Card,
        &[
            "cc number",
            "cc exp",
            "cc exp month",
            "cc exp year",
            "cc csc",
            "cc name",
            "cc type",
            "cc given name",
            "cc family name",
            "ccnumber",
            "card number",
            "cardnumber",
            "credit card",
            "creditcard",
            "debit card",
            "name on card",
            "cardholder",
            "card holder",
            "cardholder name",
            "card name",
            "card expiry",
            "expiry date",
            "expiration date",
            "expiry",
            "expiration",
            "card exp",
            "security code",
            "cvc",
            "cvv",
            "cvv2",
            "csc",
            "card cvc",
            "iban",
            "account number",
            "routing number",
            "sort code",
            "bic",
        ],
    ),
    (Meaning::Password, &["password", "passwd", "passcode", "pin code", "current password", "new password", "one time code", "otp", "2fa"]),
    (Meaning::Birth, &["bday", "birthday", "birth", "birthdate", "date of birth", "dob", "bday day", "bday month", "bday year"]),
    (
        Meaning::Identity,
        &[
            "passport",
            "passport number",
            "ssn",
            "social security",
            "national id",
            "id number",
            "identity number",
            "tax id",
            "driving licence",
            "driver license",
            "drivers license",
            "licence number",
            "license number",
            "resume",
            "cv",
        ],
    ),
    (Meaning::Email, &["email", "e mail", "mail address", "emailaddress"]),
    (Meaning::Phone, &["phone", "tel", "telephone", "mobile", "mobile number", "phone number", "cell", "cellphone", "tel national"]),
    (
        Meaning::Address,
        &[
            "street",
            "street address",
            "address",
            "address line1",
            "address line2",
            "address line 1",
            "address line 2",
            "address1",
            "address2",
            "addr",
            "shipping address",
            "billing address",
            "delivery address",
            "postal code",
            "postcode",
            "zip",
            "zipcode",
            "zip code",
            "postal",
            "house number",
            "apartment",
        ],
    ),
    (
        Meaning::Name,
        &[
            "full name",
            "fullname",
            "first name",
            "firstname",
            "fname",
            "last name",
            "lastname",
            "lname",
            "surname",
            "given name",
            "family name",
            "middle name",
            "additional name",
            "contact name",
            "guest name",
            "customer name",
            "passenger name",
            "traveller name",
            "traveler name",
            "recipient",
            "recipient name",
            "username",
            "user name",
            "login",
            "userid",
            "user id",
            "nickname",
            "who is booking",
            "booking name",
            "name for reservation",
            "reservation name",
        ],
    ),
    (
        Meaning::Message,
        &[
            "message",
            "textarea",
            "comment",
            "comments",
            "cover letter",
            "inquiry",
            "enquiry",
            "question",
            "review",
            "feedback",
            "notes",
            "special requests",
        ],
    ),
    (
        Meaning::Place,
        &["city", "town", "state", "province", "region", "country", "county", "address level1", "address level2", "country name"],
    ),
];

/// What is left of a field that asks for a plain "Name" once the words of its type are gone.
const PLAIN_NAME: &[&str] = &[
    "name",
    "text",
    "textbox",
    "input",
    "required",
    "contact",
    "guest",
    "customer",
    "field",
    "form",
    "whats",
    "off",
    "booking",
    "reservation",
    "order",
    "checkout",
    "sender",
];

/// The meaning of a field, from its label, `autocomplete`, `name`, `id` and `type` in one text; `None` for anything harmless.
pub fn field_meaning(text: &str) -> Option<Meaning> {
    let words = identifier_words(text);
    let strong = MEANINGS.iter().find(|(_, phrases)| holds_any(&words, phrases)).map(|(meaning, _)| *meaning);
    if holds_any(&words, NOT_PERSONAL) {
        // a "search" beside card or password words is a disguise, not a search
        return strong.filter(|meaning| {
            matches!(meaning, Meaning::Card | Meaning::Password) && !holds_any(&words, &["gift card code", "coupon", "promo", "hidden"])
        });
    }
    let plain_name = || holds_any(&words, &["name"]) && words.split_whitespace().all(|word| word.len() <= 2 || PLAIN_NAME.contains(&word));
    match strong {
        Some(meaning) if meaning.is_personal() => Some(meaning),
        weak => {
            if plain_name() {
                Some(Meaning::Name)
            } else {
                weak
            }
        }
    }
}

/// The meaning of a mark that takes text or a choice.
pub fn mark_meaning(mark: &Mark) -> Option<Meaning> {
    if mark.role == "searchbox" || mark.input_type == "search" {
        return field_meaning(&format!("search {} {}", mark.name, mark.field));
    }
    if matches!(mark.input_type.as_str(), "submit" | "button" | "checkbox" | "radio" | "reset" | "image") {
        return None;
    }
    let is_entry = matches!(mark.tag.as_str(), "input" | "textarea" | "select")
        || matches!(mark.role.as_str(), "textbox" | "combobox" | "spinbutton" | "listbox");
    if !is_entry {
        return None;
    }
    // a label may be wordy ("We will mail your name tag"), so attribute names decide first
    field_meaning(&format!("{} {}", mark.field, mark.input_type)).filter(|meaning| meaning.is_personal()).or_else(|| {
        let label = field_meaning(&mark.name);
        label
            .filter(|meaning| meaning.is_personal())
            .or_else(|| field_meaning(&format!("{} {} {} {}", mark.name, mark.field, mark.input_type, mark.tag)))
    })
}

/// What a whole form asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Asks {
    pub card: bool,
    pub password: bool,
    pub email: bool,
    pub message: bool,
    /// Any personal field (card and password included).
    pub personal: bool,
}

impl Asks {
    pub(super) fn of(meanings: impl IntoIterator<Item = Meaning>) -> Self {
        let mut asks = Self::default();
        for meaning in meanings {
            asks.card |= meaning == Meaning::Card;
            asks.password |= meaning == Meaning::Password;
            asks.email |= meaning == Meaning::Email;
            asks.message |= meaning == Meaning::Message;
            asks.personal |= meaning.is_personal();
        }
        asks
    }
}
