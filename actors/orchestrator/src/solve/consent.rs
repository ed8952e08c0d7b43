//! Critical points: which one is at hand, what the user said about it, and asking.

use super::{Answered, Solving};
use crate::simulator::{Consent, Moment};
use crate::table::Critical;
use wayfarer_core::action::{Action, Target};
use wayfarer_core::critical_point::{CriticalPoint, CriticalPointRecord, GateDecision, UserDecision};
use wayfarer_core::gate;
use wayfarer_core::ledger::Ledger;

impl Solving {
    pub(super) fn held(&self) -> Option<&CriticalPoint> {
        match &self.history.steps.last()?.surfed.gate {
            GateDecision::Held { critical_point } => Some(critical_point),
            _ => None,
        }
    }

    /// The critical point at hand: held by the gate, or named by the ledger or by the surfer that stops in front of it.
    pub(super) fn point_at_hand(&self) -> Option<CriticalPoint> {
        if let Some(held) = self.held() {
            return Some(held.clone());
        }
        let page = self.history.current()?;
        let host = gate::host_of(&page.url);
        let kind = self.job.task.expected_critical_point.or_else(|| {
            let clicks = page.marks.iter().filter(|mark| mark.visible).map(|mark| {
                let (x, y) = mark.rect.centre();
                Action::LeftClick { target: Target { mark: Some(mark.id), x, y, label: String::new() } }
            });
            clicks.filter_map(|click| gate::judge_action(&click, page)).map(|point| point.kind).min()
        })?;
        Some(CriticalPoint {
            kind,
            rule: "ledger".into(),
            what: format!("the next step would be a {} at {host}", kind.as_str().replace('_', " ")),
            host,
        })
    }

    pub(super) fn critical(&self, ledger: &Ledger) -> Critical {
        let told = ledger.is_at_critical_point.answer || self.stop_says().as_deref() == Some("critical_point");
        if self.held().is_none() && !told {
            return Critical::Clear;
        }
        let Some(point) = self.point_at_hand() else { return Critical::Clear };
        let earlier = self.answered.iter().rev().find(|answered| answered.kind == point.kind && answered.host == point.host);
        match earlier.map(|answered| answered.decision) {
            Some(UserDecision::Deny) => Critical::Denied,
            // the gate holds although it was approved: the permission is used up, so it is asked again
            Some(_) if self.held().is_none() => Critical::Clear,
            _ => Critical::Unasked,
        }
    }

    /// Asks the user; true if the surfer may go on. Where nobody is there to ask, nothing is allowed.
    pub(super) async fn ask_user(&mut self) -> bool {
        let (Some(point), Some(page)) = (self.point_at_hand(), self.history.current().cloned()) else { return false };
        let moment = Moment { scope: self.scope(), intent: self.intent().to_owned(), page };
        let Some(Consent { decision, message, grant, usage }) = self.user.may_i(moment, point.clone()).await else { return false };
        self.charge(usage);
        self.grants.extend(grant);
        self.user_messages.push(message.clone());
        self.unsent_messages.push(message.clone());
        self.answered.push(Answered { kind: point.kind, host: point.host.clone(), decision });
        self.critical_points.push(CriticalPointRecord { critical_point: point, decision: Some(decision), message });
        // the stop in front of it, if there was one, is taken back
        if decision != UserDecision::Deny
            && self.stop_says().is_some()
            && let Some(step) = self.history.steps.last_mut()
        {
            step.rolled_back_stop = true;
        }
        decision != UserDecision::Deny
    }
}
