//! Does a model click where it means to? A few generated pages with one unmistakable target each: a wrong scale, a quantisation that ate the
//! digits or another picture pipeline shows here, before it poisons a run.

use crate::history::History;
use crate::parse::{Habits, parse};
use crate::picture::seen_by;
use crate::profile::Profile;
use crate::prompts::Prompts;
use bytes::Bytes;
use wayfarer_chat::{ChatRequest, Model, ModelError, Priority, Scope};
use wayfarer_core::observation::{Rect, Viewport};
use wayfarer_core::prompt::ModelRole;
use wayfarer_core::{RunId, TenantId};
use wayfarer_pixels::encode_png;

/// What is asked on every page.
pub const TASK: &str = "Click the red square.";
/// Colour of the target, and of the page around it.
pub const TARGET: [u8; 3] = [0xd6, 0x1f, 0x26];
const PAGE: [u8; 3] = [0xf7, 0xf6, 0xf3];
/// Side of the square in CSS pixels: about as large as a button is high.
const SIDE: u32 = 64;
/// Where its middle stands, as shares of the page: far from each other and from the middle, so that no wrong scale hits them all.
const PLACES: [(f64, f64); 3] = [(0.15, 0.2), (0.62, 0.3), (0.35, 0.78)];
/// How far two scales may be apart and still be called one.
const SAME_SCALE: f64 = 0.04;

/// What came of one page.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The target, in CSS pixels.
    pub target: Rect,
    /// Where the model clicked, in CSS pixels by its profile; why it did not, in words.
    pub click: Result<(f64, f64), String>,
}

impl Shown {
    fn hits(&self) -> bool {
        self.click.as_ref().is_ok_and(|(x, y)| self.target.contains(*x, *y))
    }
}

/// What came of all pages.
#[derive(Debug, Clone, PartialEq)]
pub struct Canary {
    /// Each page.
    pub shown: Vec<Shown>,
    /// The model that answered.
    pub model: String,
    /// Size of the pages, in CSS pixels.
    pub viewport: Viewport,
}

impl Canary {
    /// Whether it clicked every target.
    pub fn sings(&self) -> bool {
        self.shown.iter().all(Shown::hits)
    }

    /// Targets that it clicked.
    pub fn hits(&self) -> usize {
        self.shown.iter().filter(|shown| shown.hits()).count()
    }

    /// What seems to be wrong, for a person; `None` if nothing is.
    pub fn trouble(&self) -> Option<String> {
        if self.sings() {
            return None;
        }
        let hits = self.hits();
        let told: Vec<String> = self
            .shown
            .iter()
            .filter(|shown| !shown.hits())
            .map(|shown| {
                let (x, y) = shown.target.centre();
                match &shown.click {
                    Ok((at_x, at_y)) => format!("the target at ({x:.0}, {y:.0}) was clicked at ({at_x:.0}, {at_y:.0})"),
                    Err(why) => format!("the target at ({x:.0}, {y:.0}) was not clicked: {why}"),
                }
            })
            .collect();
        let hint = self.scale().map(|(x, y)| {
            format!(
                ". All clicks are off by one scale ({x:.2} across, {y:.2} down): its coordinates mean another size of page. Another --profile, \
                 or an endpoint that resizes pictures itself?"
            )
        });
        Some(format!("{} clicked {hits} of {} targets: {}{}", self.model, self.shown.len(), told.join("; "), hint.unwrap_or_default()))
    }

    /// The scale that makes all clicks hits, if there is one.
    fn scale(&self) -> Option<(f64, f64)> {
        let ratios: Vec<(f64, f64)> = self
            .shown
            .iter()
            .map(|shown| {
                let ((x, y), (at_x, at_y)) = (shown.target.centre(), *shown.click.as_ref().ok()?);
                Some((at_x / x, at_y / y))
            })
            .collect::<Option<_>>()?;
        let (first_x, first_y) = *ratios.first()?;
        let is_one = ratios.iter().all(|(x, y)| (x - first_x).abs() < SAME_SCALE && (y - first_y).abs() < SAME_SCALE);
        is_one.then_some((first_x, first_y))
    }
}

/// Shows a model the pages.
pub async fn canary(model: &dyn Model, profile: &Profile, prompts: &Prompts) -> Result<Canary, ModelError> {
    let viewport = profile.viewport;
    let mut canary = Canary { shown: Vec::new(), model: String::new(), viewport };
    for (across, down) in PLACES {
        let (x, y) = (f64::from(viewport.width) * across, f64::from(viewport.height) * down);
        let half = f64::from(SIDE) / 2.0;
        let target = Rect { x: x - half, y: y - half, w: f64::from(SIDE), h: f64::from(SIDE) };
        let (click, model) = ask(model, profile, prompts, page(viewport, target)).await?;
        canary.model = model;
        canary.shown.push(Shown { target, click });
    }
    Ok(canary)
}

async fn ask(
    model: &dyn Model,
    profile: &Profile,
    prompts: &Prompts,
    page: Bytes,
) -> Result<(Result<(f64, f64), String>, String), ModelError> {
    let ours = |why: String| ModelError::ServiceDown { why };
    let (picture, seen) = seen_by(profile.picture, &page).map_err(ours)?;
    let mut history = History::new(profile.window, prompts.next.clone());
    history.task(picture, TASK);
    let scope = Scope {
        tenant: TenantId::derived("canary", &[]),
        run: RunId::derived("canary", &[&profile.name]),
        task: None,
        attempt: None,
        step: 0,
    };
    let request = ChatRequest {
        scope,
        role: ModelRole::Native,
        messages: history.messages(&prompts.system(profile.space.size(seen))),
        schema: None,
        max_tokens: profile.sampling.max_tokens,
        temperature: 0.0,
        stop: profile.sampling.stop.clone(),
        extra: profile.sampling.extra.clone(),
        priority: Priority::Live,
    };
    let reply = model.generate(request).await?;
    let habits = Habits { pointer: (0.0, 0.0), press_enter: false };
    let click = match parse(&reply.text, &reply.calls, habits) {
        Err(error) => Err(error.to_string()),
        Ok(parsed) => match parsed.action.target() {
            Some(target) => Ok(profile.space.to_viewport((target.x, target.y), seen, profile.viewport)),
            None => Err(format!("it said {}", parsed.name)),
        },
    };
    Ok((click, reply.model))
}

fn page(viewport: Viewport, target: Rect) -> Bytes {
    let page = image::RgbImage::from_fn(viewport.width, viewport.height, |x, y| {
        image::Rgb(if target.contains(f64::from(x) + 0.5, f64::from(y) + 0.5) { TARGET } else { PAGE })
    });
    encode_png(&page).map(Bytes::from).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use wayfarer_chat::{ChatReply, Part};
    use wayfarer_core::Usage;

    /// Sees the square in the picture's pixels, and says where on another scale.
    struct Off(f64, f64);

    #[async_trait]
    impl Model for Off {
        async fn generate(&self, request: ChatRequest) -> Result<ChatReply, ModelError> {
            let part = request.messages.last().unwrap().parts.first().unwrap();
            let Part::Png(png) = part else { panic!("the picture stands first") };
            let picture = wayfarer_pixels::decode_png(png).unwrap();
            let red: Vec<(u32, u32)> =
                picture.enumerate_pixels().filter(|(_, _, pixel)| pixel.0 == TARGET).map(|(x, y, _)| (x, y)).collect();
            let (left, top) = red[0];
            let (right, bottom) = red[red.len() - 1];
            let (x, y) = (f64::from(left + right) / 2.0 * self.0, f64::from(top + bottom) / 2.0 * self.1);
            let text = match self.0 {
                0.0 => "I see no square.".to_owned(),
                _ => format!(
                    "There.\n<tool_call>\n{{\"name\": \"computer_use\", \"arguments\": {{\"action\": \"left_click\", \"coordinate\": [{x}, {y}]}}}}\n</tool_call>"
                ),
            };
            let usage = Usage::default();
            Ok(ChatReply { text, calls: Vec::new(), usage, model: "off".into(), tries: 1, latency_ms: 1.0 })
        }
    }

    #[tokio::test]
    async fn a_wrong_scale_is_named_and_a_right_one_sings() {
        let profile = Profile::named("fara-7b").unwrap();
        let prompts = Prompts::ours("fara-7b");
        let told = async |x: f64, y: f64| canary(&Off(x, y), &profile, &prompts).await.unwrap().trouble();
        assert_eq!(told(1.0, 1.0).await, None);
        // a grid of a thousand where pixels of 1428×896 are wanted
        let grid = told(1000.0 / 1428.0, 1000.0 / 896.0).await.unwrap();
        assert!(grid.contains("0 of 3 targets") && grid.contains("one scale (0.70 across, 1.1"), "{grid}");
        let silent = told(0.0, 0.0).await.unwrap();
        assert!(silent.contains("was not clicked: there is no tool call"), "{silent}");
    }
}
