//! Handles that are moved.

use super::super::hands::{Hands, Played, stuck};
use super::{caught, read};
use wayfarer_core::Mark;

/// Handles of sliders: small, without a name.
fn handles(hands: &Hands) -> Vec<Mark> {
    let is_handle = |mark: &&Mark| mark.role == "generic" && mark.name.trim().is_empty() && mark.rect.w < 40.0 && mark.rect.h < 40.0;
    hands.marks().filter(is_handle).cloned().collect()
}

/// The numbers that the page shows beside its sliders.
fn shown(hands: &Hands) -> Vec<i64> {
    hands.seen.visible_text.lines().filter_map(|line| line.trim().parse().ok()).collect()
}

/// Moves a slider to a value by the arrow keys; the page shows where it stands.
pub(super) async fn slide_to(hands: &mut Hands, place: usize, wanted: i64) -> Played {
    let Some(handle) = handles(hands).get(place).cloned() else { return stuck("there is no slider") };
    hands.click(&handle).await?;
    for _ in 0..8 {
        let Some(now) = shown(hands).get(place).copied() else { return stuck("no value is shown") };
        if now == wanted {
            return Ok(());
        }
        let key = if now < wanted { "ArrowRight" } else { "ArrowLeft" };
        let steps = now.abs_diff(wanted).min(12) as usize;
        for _ in 0..steps {
            hands.keys(&[key]).await?;
        }
    }
    stuck(format!("the slider does not come to {wanted}"))
}

pub(super) async fn slider(hands: &mut Hands) -> Played {
    let wanted: i64 = read(r"Select (-?\d+) with", &hands.instruction.clone())?[0].parse().unwrap_or_default();
    slide_to(hands, 0, wanted).await?;
    hands.submit().await
}

pub(super) async fn sliders(hands: &mut Hands) -> Played {
    let list = read(r"\[([-\d,]+)\]", &hands.instruction.clone())?.remove(0);
    let wanted: Vec<i64> = list.split(',').filter_map(|number| number.parse().ok()).collect();
    for (place, wanted) in wanted.into_iter().enumerate() {
        slide_to(hands, place, wanted).await?;
    }
    hands.submit().await
}

pub(super) async fn spinner(hands: &mut Hands) -> Played {
    let wanted: i64 = read(r"Select (-?\d+) with", &hands.instruction.clone())?[0].parse().unwrap_or_default();
    let Some(field) = hands.of_role("spinbutton").first().cloned() else { return stuck("there is no spinner") };
    // its two buttons have no names: up stands above down
    let mut buttons: Vec<Mark> = hands.of_role("button").into_iter().filter(|mark| mark.name.trim().is_empty()).collect();
    buttons.sort_by(|one, other| one.rect.y.total_cmp(&other.rect.y));
    let [up, down] = buttons.as_slice() else { return stuck("the spinner has no two buttons") };
    let mut now: i64 = field.value.parse().unwrap_or_default();
    for _ in 0..40 {
        if now == wanted {
            return hands.submit().await;
        }
        hands.click(if now < wanted { up } else { down }).await?;
        now = hands.of_role("spinbutton").first().and_then(|field| field.value.parse().ok()).unwrap_or(now);
    }
    stuck("the spinner does not come there")
}

pub(super) async fn resize(hands: &mut Hands) -> Played {
    let words = read(r"the (width|height) is (smaller|larger|greater)", &hands.instruction.clone())?;
    let by = if words[1] == "smaller" { -25.0 } else { 25.0 };
    let Some(field) = hands.fields().first().cloned() else { return stuck("there is no field") };
    let grip = (field.rect.x + field.rect.w - 2.0, field.rect.y + field.rect.h - 2.0);
    let to = if words[0] == "width" { (grip.0 + by, grip.1) } else { (grip.0, grip.1 + by) };
    // where the page's own handles are, if it has some
    let corner = hands.marks().filter(|mark| mark.role == "generic").max_by(|one, other| {
        let far = |mark: &Mark| mark.rect.x + mark.rect.y;
        far(one).total_cmp(&far(other))
    });
    let from = match (corner.cloned(), caught("(width)", &words[0])) {
        (Some(handle), _) => handle.rect.centre(),
        (None, _) => grip,
    };
    let to = (to.0 - grip.0 + from.0, to.1 - grip.1 + from.1);
    hands.drag(from, to).await?;
    hands.submit().await
}
