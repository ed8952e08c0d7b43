//! The pointer: moves, clicks of every kind, wheels and drags as trusted input.

use crate::tab::{Tab, TabError};
use serde_json::{Value, json};
use std::time::Duration;

/// Moves that a drag is made of, after the first short one.
const DRAG_MOVES: u32 = 8;
/// The first move of a drag: farther than the slack that browsers give to a hand that shakes.
const DRAG_START: f64 = 6.0;
/// How long the browser may take to say what a drag carries, once the page said that one began.
const DRAG_LIMIT: Duration = Duration::from_secs(2);

/// A button of the mouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Button {
    /// Left.
    Left,
    /// Right.
    Right,
}

impl Button {
    fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }

    /// Its bit among the held buttons.
    fn bit(self) -> u8 {
        match self {
            Self::Left => 1,
            Self::Right => 2,
        }
    }
}

impl Tab {
    /// Moves the pointer.
    pub(crate) async fn move_to(&self, x: f64, y: f64) -> Result<(), TabError> {
        self.mouse("mouseMoved", (x, y), None, 0).await
    }

    /// Moves there and clicks with the left button; the three messages travel together, their order is the driver's.
    pub(crate) async fn click(&self, x: f64, y: f64) -> Result<(), TabError> {
        self.clicks(x, y, Button::Left, 1).await
    }

    /// Moves there and clicks so many times that the page counts them together: two are a double click.
    pub(crate) async fn clicks(&self, x: f64, y: f64, button: Button, times: u8) -> Result<(), TabError> {
        let at = (x, y);
        for nth in 1..=times {
            let moved = async { if nth == 1 { self.mouse("mouseMoved", at, None, 0).await } else { Ok(()) } };
            let pressed = self.mouse("mousePressed", at, Some(button), nth);
            let released = self.mouse("mouseReleased", at, Some(button), nth);
            let (moved, pressed, released) = tokio::join!(biased; moved, pressed, released);
            moved?;
            pressed?;
            released?;
        }
        Ok(())
    }

    /// Turns the wheel; positive `right` and `down` move the page's content left and up.
    pub(crate) async fn wheel(&self, x: f64, y: f64, right: f64, down: f64) -> Result<(), TabError> {
        self.move_to(x, y).await?;
        self.call("Input.dispatchMouseEvent", json!({"type": "mouseWheel", "x": x, "y": y, "deltaX": right, "deltaY": down})).await?;
        Ok(())
    }

    /// Presses the left button at one point, moves, and lets go at another. A drag of the page's own (HTML5) is carried on by the protocol:
    /// the system's is on no picture and would swallow the pointer.
    pub(crate) async fn drag(&self, from: (f64, f64), to: (f64, f64)) -> Result<(), TabError> {
        self.call("Input.setInterceptDrags", json!({"enabled": true})).await?;
        self.take_carried();
        let dragged = self.drag_along(from, to).await;
        self.call("Input.setInterceptDrags", json!({"enabled": false})).await?;
        dragged
    }

    async fn drag_along(&self, from: (f64, f64), to: (f64, f64)) -> Result<(), TabError> {
        self.script::<Value>("__wayfarer.watchDrags()").await?;
        self.mouse("mouseMoved", from, None, 0).await?;
        self.mouse("mousePressed", from, Some(Button::Left), 1).await?;
        let mut carried: Option<Value> = None;
        for (nth, at) in path(from, to).into_iter().enumerate() {
            match &carried {
                Some(data) => self.drag_event("dragOver", at, data).await?,
                None => {
                    self.mouse("mouseMoved", at, Some(Button::Left), 0).await?;
                    // a page decides at the first moves whether its own drag begins; in a frame of another site nobody hears it
                    if nth < 2 && self.script::<bool>("__wayfarer.dragBegan()").await? {
                        carried = self.eventually(DRAG_LIMIT, || self.take_carried()).await;
                    } else {
                        carried = self.take_carried();
                    }
                    if let Some(data) = &carried {
                        self.drag_event("dragEnter", at, data).await?;
                        self.drag_event("dragOver", at, data).await?;
                    }
                }
            }
        }
        match carried.or_else(|| self.take_carried()) {
            Some(data) => {
                self.drag_event("dragOver", to, &data).await?;
                self.drag_event("drop", to, &data).await
            }
            None => self.mouse("mouseReleased", to, Some(Button::Left), 1).await,
        }
    }

    async fn drag_event(&self, kind: &str, at: (f64, f64), data: &Value) -> Result<(), TabError> {
        self.call("Input.dispatchDragEvent", json!({"type": kind, "x": at.0, "y": at.1, "data": data})).await?;
        Ok(())
    }

    async fn mouse(&self, kind: &str, at: (f64, f64), button: Option<Button>, clicks: u8) -> Result<(), TabError> {
        let held = if kind == "mouseReleased" { 0 } else { button.map_or(0, Button::bit) };
        let name = button.map_or("none", Button::name);
        let event = json!({"type": kind, "x": at.0, "y": at.1, "button": name, "buttons": held, "clickCount": clicks});
        self.call("Input.dispatchMouseEvent", event).await?;
        Ok(())
    }
}

/// Points of a drag after its beginning: a short first move, then even ones; the last is the end.
fn path(from: (f64, f64), to: (f64, f64)) -> Vec<(f64, f64)> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy);
    let mut points = Vec::new();
    if length > DRAG_START {
        points.push((from.0 + dx / length * DRAG_START, from.1 + dy / length * DRAG_START));
    }
    points.extend((1..=DRAG_MOVES).map(|nth| f64::from(nth) / f64::from(DRAG_MOVES)).map(|part| (from.0 + dx * part, from.1 + dy * part)));
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drag_begins_gently_and_ends_where_it_is_told() {
        let points = path((10.0, 10.0), (110.0, 10.0));

        assert_eq!(points.first(), Some(&(16.0, 10.0)));
        assert_eq!(points.last(), Some(&(110.0, 10.0)));
        assert_eq!(path((5.0, 5.0), (5.0, 5.0)).last(), Some(&(5.0, 5.0)));
    }
}
