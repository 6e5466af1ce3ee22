//! The measuring: everything is compared in turns, so that what else the machine does meets all alike.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::runtime::{self, Runtime};

use crate::client::{CONNECTIONS, Load, Request, Until, handshakes};
use crate::cores::{self, Cores};
use crate::decision::Decider;
use crate::figures::{Added, Beside, Figures, Handshakes, Memory};
use crate::instructions;
use crate::reply::Expected;
use crate::reviews::{Review, Reviews};
use crate::server::Server;

/// Fresh processes whose start is measured.
const STARTS: u32 = 20;
/// What connections send before anything is measured.
const WARM_UP: Until = Until::Sent(200);

/// How long everything takes.
#[derive(Debug)]
pub(crate) struct Plan {
    rounds: usize,
    /// Of one server and one review in one round.
    window: Duration,
    /// Until memory is looked at for the last time; a multiple of twice [`CONNECTIONS`].
    reviews: usize,
    instructions: bool,
}

impl Plan {
    /// Half a minute.
    pub(crate) fn brief() -> Self {
        Self { rounds: 30, window: Duration::from_millis(60), reviews: 40_000, instructions: false }
    }

    /// Some minutes.
    pub(crate) fn full() -> Self {
        Self { rounds: 60, window: Duration::from_millis(150), reviews: 200_000, instructions: true }
    }
}

/// Measures everything.
pub(crate) fn measure(plan: &Plan) -> Result<Figures> {
    let cores = Cores::choose()?;
    cores::pin(cores.client)?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let (reviews, decider) = (Reviews::load()?, Decider::new()?);
    let mut bench = Bench { plan, cores, runtime, reviews, decider, replies: 0 };

    let ready = bench.ready()?;
    let constant = Server::constant(cores.servers)?;
    let ours = Server::quench(cores.servers)?;
    let naive = Server::naive(cores.servers)?;
    let Reviews { small, typical, daemonset, unchanged } = bench.reviews.clone();

    let mut subjects = (
        bench.constant(&constant, &typical, CONNECTIONS)?,
        bench.learned(&ours, &typical, CONNECTIONS)?,
        bench.learned(&naive, &typical, CONNECTIONS)?,
    );
    let (mut shares, mut naives, mut busy) = (Vec::new(), Vec::new(), Quietest::default());
    for _ in 0..plan.rounds {
        let floor = bench.window(&mut subjects.0, plan.window)?;
        let mut ours = bench.window(&mut subjects.1, plan.window)?;
        let naive = bench.window(&mut subjects.2, plan.window)?;
        shares.push((floor.cpu, ours.cpu));
        naives.push((naive.cpu, ours.cpu));
        busy.see(&mut ours.took);
    }
    drop(subjects);
    let (handshakes, alone) = (bench.handshakes(&constant, &ours)?, bench.alone(&constant, &ours)?);
    let decisions = [&small, &typical, &daemonset]
        .map(|review| bench.decider.cost(review, plan.window * 5).map(|cost| (review.name, cost)));
    let [one, two, three] = decisions;
    Ok(Figures {
        typical: share(&shares),
        daemonset: bench.share(&constant, &ours, &daemonset)?,
        unchanged: bench.share(&constant, &ours, &unchanged)?,
        small: bench.share(&constant, &ours, &small)?,
        naive: (
            seconds(median(naives.iter().map(|(naive, _)| *naive))),
            median(naives.iter().map(|(naive, ours)| naive / ours)),
        ),
        decisions: [one?, two?, three?],
        instructions: if plan.instructions { instructions::count()? } else { None },
        alone,
        p99: seconds(busy.p99),
        handshakes,
        memory: bench.memory()?,
        ready,
        replies: bench.replies,
        typical_sha256: typical.sha256(),
    })
}

/// What the measuring needs, and how many replies it has checked.
struct Bench<'p> {
    plan: &'p Plan,
    cores: Cores,
    runtime: Runtime,
    reviews: Reviews,
    decider: Decider,
    replies: usize,
}

/// One server that gets one review.
struct Subject<'s> {
    server: &'s Server,
    request: Request,
    expected: Arc<Expected>,
    load: Load,
}

/// What one server did in one window.
struct Window {
    /// Seconds of CPU a request.
    cpu: f64,
    /// Seconds that each exchange took.
    took: Vec<f64>,
}

/// The least of several windows' percentiles.
struct Quietest {
    p50: f64,
    p99: f64,
}

impl Default for Quietest {
    fn default() -> Self {
        Self { p50: f64::INFINITY, p99: f64::INFINITY }
    }
}

impl Quietest {
    fn see(&mut self, took: &mut [f64]) {
        self.p50 = self.p50.min(percentile(took, 0.5));
        self.p99 = self.p99.min(percentile(took, 0.99));
    }
}

impl Bench<'_> {
    /// The constant server, which answers what we would.
    fn constant<'s>(&mut self, server: &'s Server, review: &Review, connections: u32) -> Result<Subject<'s>> {
        let expected = Expected::constant(self.decider.decide(&review.body)?);
        self.subject(server, Request::new(&format!("/{}", review.name), review), expected, connections)
    }

    /// A server whose first reply is checked for what it does.
    fn learned<'s>(&mut self, server: &'s Server, review: &Review, connections: u32) -> Result<Subject<'s>> {
        let mut request = Request::new("/mutate", review);
        let reply = self.runtime.block_on(server.endpoint.first_reply(&mut request))?;
        let expected = Expected::learn(review, request.body()?, &reply)?;
        self.subject(server, request, expected, connections)
    }

    fn subject<'s>(
        &mut self,
        server: &'s Server,
        request: Request,
        expected: Expected,
        connections: u32,
    ) -> Result<Subject<'s>> {
        let mut subject = Subject { server, request, expected: Arc::new(expected), load: Load::new() };
        self.runtime.block_on(async {
            for _ in 0..connections {
                subject.load.connect(&server.endpoint, &subject.request, &subject.expected).await?;
            }
            subject.load.run(WARM_UP).await
        })?;
        Ok(subject)
    }

    fn window(&mut self, subject: &mut Subject<'_>, span: Duration) -> Result<Window> {
        let before = subject.server.cpu()?;
        let took = self.runtime.block_on(subject.load.run(Until::Passed(span)))?;
        let cpu = subject.server.cpu()?.saturating_sub(before);
        self.replies += took.len();
        Ok(Window {
            cpu: cpu.as_secs_f64() / took.len() as f64,
            took: took.into_iter().map(|nanoseconds| f64::from(nanoseconds) / 1e9).collect(),
        })
    }

    fn share(&mut self, constant: &Server, ours: &Server, review: &Review) -> Result<Beside> {
        let (mut floor, mut ours) =
            (self.constant(constant, review, CONNECTIONS)?, self.learned(ours, review, CONNECTIONS)?);
        let (span, mut rounds) = (self.plan.window, Vec::new());
        for _ in 0..self.plan.rounds {
            rounds.push((self.window(&mut floor, span)?.cpu, self.window(&mut ours, span)?.cpu));
        }
        Ok(share(&rounds))
    }

    /// One connection to each: what ours adds, by the quietest of many short windows. Whatever disturbs only adds.
    fn alone(&mut self, constant: &Server, ours: &Server) -> Result<Added> {
        let typical = self.reviews.typical.clone();
        let (mut floor, mut ours) = (self.constant(constant, &typical, 1)?, self.learned(ours, &typical, 1)?);
        let (mut floors, mut all) = (Quietest::default(), Quietest::default());
        for _ in 0..self.plan.rounds {
            let span = self.plan.window;
            floors.see(&mut self.window(&mut floor, span)?.took);
            all.see(&mut self.window(&mut ours, span)?.took);
        }
        Ok(Added { constant_p50: seconds(floors.p50), p50: all.p50 - floors.p50, p99: all.p99 - floors.p99 })
    }

    /// A new connection for each small request.
    fn handshakes(&mut self, constant: &Server, ours: &Server) -> Result<Handshakes> {
        let small = self.reviews.small.clone();
        let (floor, ours) = (self.constant(constant, &small, 1)?, self.learned(ours, &small, 1)?);
        let mut rounds = Vec::new();
        for _ in 0..self.plan.rounds {
            let mut cpu = |Subject { server, request, expected, .. }: &Subject<'_>| {
                let before = server.cpu()?;
                let made = self.runtime.block_on(handshakes(&server.endpoint, request, expected, self.plan.window))?;
                self.replies += made;
                anyhow::Ok(server.cpu()?.saturating_sub(before).as_secs_f64() / made as f64)
            };
            rounds.push((cpu(&floor)?, cpu(&ours)?));
        }
        Ok(Handshakes {
            per_second: median(rounds.iter().map(|(_, ours)| 1.0 / ours)),
            ratio: median(rounds.iter().map(|(floor, ours)| floor / ours)),
        })
    }

    /// A fresh process that gets all reviews by turns.
    fn memory(&mut self) -> Result<Memory> {
        let server = Server::quench(self.cores.servers)?;
        let mut load = Load::new();
        let reviews = self.reviews.clone();
        for (review, _) in reviews.all().into_iter().cycle().zip(0..CONNECTIONS) {
            let mut request = Request::new("/mutate", review);
            let reply = self.runtime.block_on(server.endpoint.first_reply(&mut request))?;
            let expected = Arc::new(Expected::learn(review, request.body()?, &reply)?);
            self.runtime.block_on(load.connect(&server.endpoint, &request, &expected))?;
        }
        let mut after = |until| {
            self.replies += self.runtime.block_on(load.run(until))?.len();
            server.resident()
        };
        let half = Until::Sent(self.plan.reviews / 2 / CONNECTIONS as usize);
        Ok(Memory { warm: after(WARM_UP)?, half: after(half)?, end: after(half)?, reviews: self.plan.reviews })
    }

    /// From exec to the first answer, of fresh processes: median and longest.
    fn ready(&mut self) -> Result<(Duration, Duration)> {
        let mut request = Request::new("/mutate", &self.reviews.small);
        let mut times = Vec::new();
        for _ in 0..STARTS {
            let started = Instant::now();
            let server = Server::quench(self.cores.servers)?;
            self.runtime.block_on(server.endpoint.first_reply(&mut request))?;
            times.push(started.elapsed());
        }
        let longest = times.iter().max().copied().context("no start was measured")?;
        Ok((seconds(median(times.iter().map(Duration::as_secs_f64))), longest))
    }
}

fn share(rounds: &[(f64, f64)]) -> Beside {
    Beside {
        constant: seconds(median(rounds.iter().map(|(constant, _)| *constant))),
        ours: seconds(median(rounds.iter().map(|(_, ours)| *ours))),
        share: median(rounds.iter().map(|(constant, ours)| constant / ours)),
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// The middle one.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    percentile(&mut values.into_iter().collect::<Vec<_>>(), 0.5)
}

fn percentile(values: &mut [f64], part: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let at = (values.len() as f64 * part) as usize;
    values.get(at).or(values.last()).copied().unwrap_or(f64::NAN)
}
