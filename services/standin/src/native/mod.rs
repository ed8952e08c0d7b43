//! The stand-in as a native agent: rules that look at the pixels of the bundled shop and answer in Fara's format.
//!
//! It knows how that one shop is laid out and nothing else, so it proves the loop around a native agent (pictures, coordinates, format, gate)
//! and says nothing about how well a model would do.

pub mod sight;

use crate::goal::Goal;
use crate::request::ChatBody;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sight::{PINE, Patch, boxes};
use url::Url;

/// The middle of the first result's picture on the shop's search page, as shares of the page: it stands at one place, whatever was found.
const FIRST_RESULT: (f64, f64) = (0.379, 0.51);
/// The first field of the shop's checkout.
const FIRST_FIELD: (f64, f64) = (0.25, 0.48);
/// From here down a button belongs to the notice about cookies, as a share of the height.
const NOTICE: f64 = 0.84;
/// Its button to accept them stands right of this, as a share of the width.
const NOTICE_SIDE: f64 = 0.7;
/// Above this the page's head ends, as a share of the height.
const HEAD: f64 = 0.13;

/// What native agents are asked to find out whether they click where they mean to, and the colour that it is about.
const CANARY: &str = "Click the red square.";
const RED: [u8; 3] = [0xd6, 0x1f, 0x26];

/// Whether a conversation speaks to a native agent.
pub fn is_meant(body: &ChatBody) -> bool {
    body.messages.first().is_some_and(|message| message.role == "system" && message.content.text().contains("\"computer_use\""))
}

/// What to do next, in Fara's format; why not, if no picture can be seen.
pub fn answer(body: &ChatBody) -> Result<String, String> {
    let users = || body.messages.iter().filter(|message| message.role == "user");
    let task = users().next().map(|message| message.content.text()).unwrap_or_default();
    let last = users().next_back().ok_or("there is no user message")?;
    let shown = last.content.picture_urls().pop().ok_or("the last user message shows no picture")?;
    let png = shown.split_once("base64,").and_then(|(_, data)| BASE64_STANDARD.decode(data).ok()).ok_or("the picture is no data URL")?;
    let picture = wayfarer_pixels::decode_png(&png).map_err(|error| error.to_string())?;
    let text = last.content.text();
    let path = text.lines().find_map(|line| Url::parse(line.strip_prefix("Current URL: ")?).ok()).map(|url| url.path().to_owned());

    if task.trim() == CANARY {
        return Ok(match boxes(&picture, RED).first() {
            Some(square) => click("There it is.", *square),
            None => stop("failure", "I see no red square."),
        });
    }
    let (order, pays) = match Goal::parse(&task) {
        Goal::AddToCart(order) => (order, false),
        Goal::Buy(order) => (order, true),
        other => return Ok(stop("failure", &format!("I can only shop, and this is something else: {}", other.wording()))),
    };
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    let found = boxes(&picture, PINE);
    let below = |share: f64, patch: &&Patch| f64::from(patch.top) > share * height;
    if let Some(accept) = found.iter().find(|patch| below(NOTICE, patch) && f64::from(patch.left) > NOTICE_SIDE * width) {
        return Ok(click("A notice about cookies covers the page.", *accept));
    }
    let on_page = || found.iter().filter(|patch| below(HEAD, patch));
    let at = |(x, y): (f64, f64)| json!([(x * width).round(), (y * height).round()]);
    Ok(match path.as_deref().unwrap_or("/") {
        "/cart" if pays => match on_page().max_by_key(|patch| patch.right) {
            Some(go) => click("The cart is right; I go to the checkout.", *go),
            None => stop("failure", "I see no way to the checkout."),
        },
        "/cart" => stop("success", &format!("{} is in the cart.", order.product)),
        path if path.starts_with("/checkout") => {
            let typed = json!({"action": "type", "coordinate": at(FIRST_FIELD), "text": "Ada Example", "press_enter": false});
            call("The shop asks for a name.", typed)
        }
        path if path.starts_with("/product/") => match on_page().filter(|patch| patch.width() > 300).max_by_key(|patch| patch.width()) {
            Some(add) => click("This is the product. I put it into the cart.", *add),
            None => call("The button must be further down.", json!({"action": "scroll", "pixels": -400})),
        },
        "/search" => call("The first result is the one.", json!({"action": "left_click", "coordinate": at(FIRST_RESULT)})),
        // the ribbon above everything has the colour, too
        _ => {
            match found.iter().filter(|patch| !below(HEAD, patch) && patch.width() < picture.width() / 2).max_by_key(|patch| patch.right) {
                Some(search) => {
                    let (_, y) = search.middle();
                    let field = json!([search.left.saturating_sub(150), y]);
                    let text = order.product.to_lowercase();
                    let typed =
                        json!({"action": "type", "coordinate": field, "text": text, "press_enter": true, "delete_existing_text": true});
                    call("I look for the product.", typed)
                }
                None => call("I see no search; the start page has one.", json!({"action": "history_back"})),
            }
        }
    })
}

fn click(thought: &str, patch: Patch) -> String {
    let (x, y) = patch.middle();
    call(thought, json!({"action": "left_click", "coordinate": [x, y]}))
}

fn stop(status: &str, thought: &str) -> String {
    call(thought, json!({"action": "terminate", "status": status}))
}

fn call(thought: &str, arguments: Value) -> String {
    format!("{thought}\n<tool_call>\n{{\"name\": \"computer_use\", \"arguments\": {arguments}}}\n</tool_call>")
}
