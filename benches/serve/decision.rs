//! The decision alone: its time and its allocations.

use std::hint::black_box;
use std::time::{Duration, Instant};

use alloc_counter::count_alloc;
use anyhow::{Context, Result};
use quench_core::answer::outcome::Outcome;
use quench_core::answer::reply::reply;
use quench_core::catalog::Catalog;
use quench_core::decide::plan::{self, Plan, plan};
use quench_core::policy::{Mode, Policy};
use quench_core::presence::Existing;
use quench_core::read::review;

use crate::reviews::{Review, Reviews};
use crate::rounds::median;

/// The policy of every server here.
pub(crate) const POLICY: &str = include_str!("../policy.yaml");
/// Decisions between two looks at the clock.
const BATCH: u32 = 50;

/// What decisions are made by.
#[derive(Debug)]
pub(crate) struct Decider {
    pub(crate) policy: Policy,
    pub(crate) catalog: Catalog,
}

/// What one decision costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) time: Duration,
    /// Calls for new memory.
    pub(crate) allocations: usize,
    /// Calls for more memory.
    pub(crate) reallocations: usize,
}

impl Decider {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { policy: Policy::parse(POLICY, "benches/policy.yaml")?, catalog: Catalog::embedded() })
    }

    /// From the body of a review to the body of its reply, as the webhook does it.
    pub(crate) fn decide(&self, body: &str) -> Result<Vec<u8>> {
        self.decide_by(body, |_| Ok(Existing::declared()))
    }

    /// The same, with what registries say of the candidates.
    pub(crate) fn decide_by(
        &self,
        body: &str,
        existing: impl FnOnce(&Plan<'_>) -> Result<Existing>,
    ) -> Result<Vec<u8>> {
        let review = review::Request::parse(body.as_bytes())?;
        let request = plan::Request::of(&review, Mode::Enforce);
        let outcome = match &request {
            Some(request) => {
                let plan = plan(request, &self.policy, &self.catalog);
                let existing = existing(&plan)?;
                plan.settle(&existing)
            }
            None => Outcome::nothing(),
        };
        Ok(reply(&review.uid, &outcome))
    }

    /// What a decision about `review` costs: the median of batches that take `span` together.
    pub(crate) fn cost(&self, review: &Review, span: Duration) -> Result<Cost> {
        let ((allocations, reallocations, _), reply) = count_alloc(|| self.decide(&review.body));
        reply?;
        let (started, mut times) = (Instant::now(), Vec::new());
        while started.elapsed() < span {
            let batch = Instant::now();
            for _ in 0..BATCH {
                black_box(self.decide(black_box(&review.body))?);
            }
            times.push((batch.elapsed() / BATCH).as_secs_f64());
        }
        Ok(Cost { time: Duration::from_secs_f64(median(times)), allocations, reallocations })
    }
}

/// Decides about the review of that name again and again: for a profiler.
pub(crate) fn repeat(name: &str, times: usize) -> Result<()> {
    let (decider, reviews) = (Decider::new()?, Reviews::load()?);
    let named = reviews.all().into_iter().find(|review| review.name == name);
    let review = named.with_context(|| format!("no such review: {name}"))?;
    for _ in 0..times {
        black_box(decider.decide(black_box(&review.body))?);
    }
    Ok(())
}
