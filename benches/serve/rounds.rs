//! Servers take turns; of their turns those count in which other processes of the machine were in the way least.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::clock::Clock;
use crate::figures::Beside;
use crate::server::Server;

/// What a server did in one window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    /// Seconds of CPU a request.
    cpu: f64,
    /// The part of the time that server and client waited for their cores.
    waited: f64,
}

/// A turn in progress.
pub(crate) struct Watch<'s> {
    server: &'s Server,
    started: Instant,
    before: (Clock, Clock),
}

impl<'s> Watch<'s> {
    pub(crate) fn start(server: &'s Server) -> Result<Self> {
        Ok(Self { server, before: (server.clock()?, Clock::own()?), started: Instant::now() })
    }

    /// The turn, in which there were so many requests.
    pub(crate) fn stop(self, requests: usize) -> Result<Turn> {
        let elapsed = self.started.elapsed().as_secs_f64();
        let (server, client) = (self.server.clock()?.since(self.before.0), Clock::own()?.since(self.before.1));
        let waited = (server.waited + client.waited).as_secs_f64() / elapsed;
        Ok(Turn { cpu: server.ran.as_secs_f64() / requests as f64, waited })
    }
}

/// Turns of two servers, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Rounds(Vec<(Turn, Turn)>);

impl Rounds {
    /// One more round; the second server is the one that is compared.
    pub(crate) fn add(&mut self, other: Turn, ours: Turn) {
        self.0.push((other, ours));
    }

    /// Medians of the quieter half.
    pub(crate) fn beside(&self) -> Beside {
        let mut rounds = self.0.clone();
        rounds.sort_unstable_by(|(a, b), (c, d)| (a.waited + b.waited).total_cmp(&(c.waited + d.waited)));
        rounds.truncate(rounds.len().div_ceil(2));
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Beside {
            other: seconds(median(rounds.iter().map(|(other, _)| other.cpu))),
            ours: seconds(median(rounds.iter().map(|(_, ours)| ours.cpu))),
            ratio: median(rounds.iter().map(|(other, ours)| other.cpu / ours.cpu)),
        }
    }

    /// The part of the time that was lost to other processes, in the median round.
    pub(crate) fn waited(&self) -> f64 {
        median(self.0.iter().map(|(other, ours)| f64::midpoint(other.waited, ours.waited)))
    }
}

/// The least of several windows' percentiles.
pub(crate) struct Quietest {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Default for Quietest {
    fn default() -> Self {
        Self { p50: f64::INFINITY, p99: f64::INFINITY }
    }
}

impl Quietest {
    pub(crate) fn see(&mut self, took: &mut [f64]) {
        self.p50 = self.p50.min(percentile(took, 0.5));
        self.p99 = self.p99.min(percentile(took, 0.99));
    }
}

/// The middle one.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    percentile(&mut values.into_iter().collect::<Vec<_>>(), 0.5)
}

/// The value that `part` of the values are below.
fn percentile(values: &mut [f64], part: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let at = (values.len() as f64 * part) as usize;
    values.get(at).or(values.last()).copied().unwrap_or(f64::NAN)
}
