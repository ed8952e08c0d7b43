//! Reading pages: one view for what the agent sees now ([`PageView`]) and for what a judge sees later ([`Shot`]).

pub mod cart;
pub mod listing;
pub mod marks;

use crate::words;
use wayfarer_core::prompt::judge::Shot;
use wayfarer_core::prompt::{PageText, PageView};

/// A page in words.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Address.
    pub url: String,
    /// Title.
    pub title: String,
    /// Text.
    pub text: String,
    /// Names and values of fields.
    pub fields: Vec<(String, String)>,
    /// The step after which it was seen; 0 where that is not known.
    pub step: u32,
}

impl From<&PageView> for Seen {
    fn from(page: &PageView) -> Self {
        let fields = page.marks.iter().filter(|mark| !mark.value.is_empty()).map(|mark| (mark.name.clone(), mark.value.clone())).collect();
        Self { url: page.url.clone(), title: page.title.clone(), text: page.text.clone(), fields, step: 0 }
    }
}

impl From<&PageText> for Seen {
    fn from(page: &PageText) -> Self {
        Self { url: page.url.clone(), title: page.title.clone(), text: page.text.clone(), fields: Vec::new(), step: 0 }
    }
}

impl From<&Shot> for Seen {
    fn from(shot: &Shot) -> Self {
        let fields = shot.state.iter().filter_map(|line| field_of(line)).collect();
        Self { url: shot.url.clone(), title: shot.title.clone(), text: shot.text.clone(), fields, step: shot.step }
    }
}

/// Reads `role "name" = value`.
fn field_of(line: &str) -> Option<(String, String)> {
    let (left, value) = line.rsplit_once(" = ")?;
    let name = left.split_once('"').map(|(_, rest)| rest.trim_end_matches('"')).unwrap_or(left);
    Some((name.to_string(), value.trim().trim_matches('"').to_string()))
}

impl Seen {
    /// Title, text and fields together.
    pub fn everything(&self) -> String {
        let fields: String = self.fields.iter().map(|(name, value)| format!("\n{name}: {value}")).collect();
        format!("{}\n{}{fields}", self.title, self.text)
    }

    /// Whether it says so anywhere.
    pub fn holds(&self, wanted: &str) -> bool {
        words::holds(&self.everything(), wanted)
    }

    /// Path and query of its address, lower case.
    pub fn path(&self) -> String {
        url::Url::parse(&self.url)
            .map(|url| format!("{}?{}", url.path(), url.query().unwrap_or_default()))
            .unwrap_or_else(|_| self.url.clone())
            .to_lowercase()
    }

    /// Host of its address without the port.
    pub fn host(&self) -> String {
        url::Url::parse(&self.url).ok().and_then(|url| url.host_str().map(str::to_string)).unwrap_or_default()
    }

    /// Whether it is the page of this thing: a part of its title is its name (and not only begins with it, as "Trail Mug XL" does with
    /// "Trail Mug").
    pub fn is_about(&self, subject: &str) -> bool {
        self.title.split(['—', '–', '|', '·', '•', ':', ',']).chain(self.title.split(" - ")).any(|part| words::same(part, subject))
    }

    /// The value of the first field whose name holds one of `names`.
    pub fn field(&self, names: &[&str]) -> Option<&str> {
        self.fields.iter().find(|(name, _)| words::holds_any(name, names).is_some()).map(|(_, value)| value.as_str())
    }

    /// The cart.
    pub fn is_cart(&self) -> bool {
        // a product that could not be added is shown again under an address such as `/cart/add`: that is no cart
        let path = self.path();
        let own = path.split('?').next().unwrap_or_default().trim_end_matches('/');
        matches!(own, "/cart" | "/basket") || words::holds_any(&self.title, &["cart", "basket"]).is_some()
    }

    /// A page on which an order, a booking or a message is confirmed.
    pub fn confirms(&self) -> Option<&'static str> {
        const CONFIRMATIONS: [&str; 14] = [
            "thank you for your order",
            "order confirmed",
            "order number",
            "your order has been placed",
            "order placed",
            "reservation confirmed",
            "booking confirmed",
            "your table is booked",
            "your table is confirmed",
            "your table is reserved",
            "confirmation code",
            "message sent",
            "your message has been sent",
            "thank you for your message",
        ];
        words::holds_any(&format!("{}\n{}", self.title, self.text), &CONFIRMATIONS)
    }
}
