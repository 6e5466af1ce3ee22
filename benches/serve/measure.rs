//! The measuring: everything is compared in turns, so that what else the machine does meets all alike.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::runtime::{self, Runtime};

use crate::client::{CONNECTIONS, Load, Request, Until, handshakes};
use crate::cores::{self, Cores};
use crate::decision::Decider;
use crate::figures::{Added, Beside, Figures, Memory};
use crate::instructions;
use crate::reply::Expected;
use crate::reviews::{Review, Reviews};
use crate::rounds::{Quietest, Rounds, Turn, Watch, median};
use crate::server::Server;
use crate::verified;

/// Fresh processes whose start is measured.
const STARTS: u32 = 20;
/// What connections send before anything is measured.
const WARM_UP: Until = Until::Sent(200);

/// How long everything takes.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// Of one server and one review in one round.
    pub(crate) window: Duration,
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
    let (mut shares, mut naives, mut busy) = (Rounds::default(), Rounds::default(), Quietest::default());
    for _ in 0..plan.rounds {
        let floor = bench.window(&mut subjects.0, plan.window)?;
        let mut ours = bench.window(&mut subjects.1, plan.window)?;
        let naive = bench.window(&mut subjects.2, plan.window)?;
        shares.add(floor.turn, ours.turn);
        naives.add(naive.turn, ours.turn);
        busy.see(&mut ours.took);
    }
    drop(subjects);
    let (handshakes, alone) = (bench.handshakes(&constant, &ours)?, bench.alone(&constant, &ours)?);
    let decisions = [&small, &typical, &daemonset]
        .map(|review| bench.decider.cost(review, plan.window * 5).map(|cost| (review.name, cost)));
    let [one, two, three] = decisions;
    let verified = verified::measure(&mut bench, &typical)?;
    Ok(Figures {
        typical: shares.beside(),
        daemonset: bench.share(&constant, &ours, &daemonset)?,
        unchanged: bench.share(&constant, &ours, &unchanged)?,
        small: bench.share(&constant, &ours, &small)?,
        naive: naives.beside(),
        decisions: [one?, two?, three?],
        instructions: if plan.instructions { instructions::count()? } else { None },
        alone,
        p99: seconds(busy.p99),
        handshakes,
        memory: bench.memory()?,
        verified,
        ready,
        waited: shares.waited().max(verified.waited),
        replies: bench.replies,
        typical_sha256: typical.sha256(),
    })
}

/// What the measuring needs, and how many replies it has checked.
pub(crate) struct Bench<'p> {
    pub(crate) plan: &'p Plan,
    pub(crate) cores: Cores,
    pub(crate) runtime: Runtime,
    reviews: Reviews,
    decider: Decider,
    replies: usize,
}

/// One server that gets one review.
pub(crate) struct Subject<'s> {
    server: &'s Server,
    request: Request,
    expected: Arc<Expected>,
    load: Load,
}

/// What one server did in one window.
pub(crate) struct Window {
    pub(crate) turn: Turn,
    /// Seconds that each exchange took.
    pub(crate) took: Vec<f64>,
}

impl Bench<'_> {
    /// The constant server, which answers what we would.
    fn constant<'s>(&mut self, server: &'s Server, review: &Review, connections: u32) -> Result<Subject<'s>> {
        let expected = Expected::constant(self.decider.decide(&review.body)?);
        self.subject(server, Request::new(&format!("/{}", review.name), review), expected, connections)
    }

    /// A server whose first reply is checked for what it does.
    pub(crate) fn learned<'s>(&mut self, server: &'s Server, review: &Review, connections: u32) -> Result<Subject<'s>> {
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

    pub(crate) fn window(&mut self, subject: &mut Subject<'_>, span: Duration) -> Result<Window> {
        let watch = Watch::start(subject.server)?;
        let took = self.runtime.block_on(subject.load.run(Until::Passed(span)))?;
        self.replies += took.len();
        let turn = watch.stop(took.len())?;
        Ok(Window { turn, took: took.into_iter().map(|nanoseconds| f64::from(nanoseconds) / 1e9).collect() })
    }

    fn share(&mut self, constant: &Server, ours: &Server, review: &Review) -> Result<Beside> {
        let (mut floor, mut ours) =
            (self.constant(constant, review, CONNECTIONS)?, self.learned(ours, review, CONNECTIONS)?);
        let (span, mut rounds) = (self.plan.window, Rounds::default());
        for _ in 0..self.plan.rounds {
            rounds.add(self.window(&mut floor, span)?.turn, self.window(&mut ours, span)?.turn);
        }
        Ok(rounds.beside())
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
    fn handshakes(&mut self, constant: &Server, ours: &Server) -> Result<Beside> {
        let small = self.reviews.small.clone();
        let (floor, ours) = (self.constant(constant, &small, 1)?, self.learned(ours, &small, 1)?);
        let mut rounds = Rounds::default();
        for _ in 0..self.plan.rounds {
            let mut turn = |Subject { server, request, expected, .. }: &Subject<'_>| {
                let watch = Watch::start(server)?;
                let made = self.runtime.block_on(handshakes(&server.endpoint, request, expected, self.plan.window))?;
                self.replies += made;
                watch.stop(made)
            };
            rounds.add(turn(&floor)?, turn(&ours)?);
        }
        Ok(rounds.beside())
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

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
