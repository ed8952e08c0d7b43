//! One engine as the pool sees it: how much it is given at a time, and whether it can answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wayfarer_chat::Model;

/// Answers in a row that an engine on probation has to give before it counts as others do.
const PROBATION: u32 = 3;
/// Failures in a row after which it is out: one may be the call's own.
const FAULTS: u32 = 3;
/// How strongly the newest call counts in the mean time of a call.
const NEWEST: f64 = 0.2;
/// What is left of the calls at a time after one was refused for load.
const STEP_DOWN: f64 = 0.7;

/// Whether an engine can answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Standing {
    /// It does.
    Good,
    /// It has come back and is given little until it has answered so many calls.
    Probation(u32),
    /// It did not answer: it is given nothing until it answers a canary.
    Out,
}

/// One engine.
pub(crate) struct Engine {
    pub(crate) model: Arc<dyn Model>,
    /// Its address as it may be shown.
    pub(crate) shown: String,
    pub(crate) standing: Standing,
    /// Calls that it has now: cancelled when they are to move.
    running: HashMap<u64, CancellationToken>,
    /// Calls at a time, learned from its answers; at most `most`.
    limit: f64,
    most: usize,
    /// Mean seconds of a call.
    seconds: Option<f64>,
    faults: u32,
    pub(crate) last_answer: Option<Instant>,
    /// How often it has come back.
    pub(crate) returns: u64,
    /// It does not click where it means to: it gets no calls that click.
    pub(crate) is_refused_for_aim: bool,
}

impl Engine {
    pub(crate) fn new(model: Arc<dyn Model>, shown: String, most: usize) -> Self {
        let most = most.max(1);
        Self {
            model,
            shown,
            standing: Standing::Good,
            running: HashMap::new(),
            limit: most as f64,
            most,
            seconds: None,
            faults: 0,
            last_answer: None,
            returns: 0,
            is_refused_for_aim: false,
        }
    }

    /// Whether it may be given a call at all.
    pub(crate) fn is_usable(&self) -> bool {
        self.standing != Standing::Out
    }

    /// Calls at a time that it may have now.
    pub(crate) fn places(&self) -> usize {
        match self.standing {
            Standing::Good => (self.limit as usize).clamp(1, self.most),
            Standing::Probation(_) => 1,
            Standing::Out => 0,
        }
    }

    pub(crate) fn has_place(&self) -> bool {
        self.running.len() < self.places()
    }

    /// How full it is, from 0 to 1, weighed by how long it takes (`usual` seconds, if it has answered nobody yet): the better of two free
    /// engines has less of it.
    pub(crate) fn burden(&self, usual: f64) -> f64 {
        let fullness = (self.running.len() as f64 + 1.0) / self.places().max(1) as f64;
        fullness * self.seconds.unwrap_or(usual).max(1e-3)
    }

    /// Gives it a call; cancelled when the call is to move.
    pub(crate) fn give(&mut self, call: u64) -> CancellationToken {
        let moves = CancellationToken::new();
        self.running.insert(call, moves.clone());
        moves
    }

    /// A call has left it, whatever came of it.
    pub(crate) fn left(&mut self, call: u64) {
        self.running.remove(&call);
    }

    /// It answered a call.
    pub(crate) fn answered(&mut self, took: Duration) {
        let took = took.as_secs_f64();
        self.seconds = Some(self.seconds.map_or(took, |mean| mean + NEWEST * (took - mean)));
        self.last_answer = Some(Instant::now());
        self.faults = 0;
        self.limit = (self.limit + 1.0 / self.limit).min(self.most as f64);
        self.standing = match self.standing {
            Standing::Probation(left) if left > 1 => Standing::Probation(left - 1),
            _ => Standing::Good,
        };
    }

    /// It said that this was too much for it.
    pub(crate) fn refused_for_load(&mut self) {
        self.limit = (self.limit * STEP_DOWN).max(1.0);
    }

    /// It failed a call; whether that is once too often.
    pub(crate) fn failed(&mut self) -> bool {
        self.faults += 1;
        self.faults >= FAULTS && self.is_usable()
    }

    /// Mean seconds of a call, once there was one.
    pub(crate) fn pace(&self) -> Option<f64> {
        self.seconds
    }

    /// It does not answer: whatever it has moves elsewhere. How many calls that are.
    pub(crate) fn eject(&mut self) -> usize {
        self.standing = Standing::Out;
        self.running.values().for_each(CancellationToken::cancel);
        self.running.len()
    }

    /// It answered a canary while it was out.
    pub(crate) fn returned(&mut self) {
        if self.standing == Standing::Out {
            self.standing = Standing::Probation(PROBATION);
            self.returns += 1;
            (self.seconds, self.faults) = (None, 0);
        }
    }
}
