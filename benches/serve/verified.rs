//! What a policy with `verify` costs once the answers of registries are known: the same requests to two servers by turns, with and
//! without it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Polling, Poll, Waker};
use std::time::Duration;

use alloc_counter::count_alloc;
use anyhow::{Context, Result, bail, ensure};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use quench::registry::{Options, Proxies, Registry, Trust};
use quench::telemetry::Metrics;
use quench_core::policy::Policy;
use quench_core::presence::Existing;
use tokio::net::TcpListener;

use crate::client::CONNECTIONS;
use crate::decision::{Decider, POLICY};
use crate::figures::Verified;
use crate::measure::Bench;
use crate::reviews::Review;
use crate::rounds::{Quietest, Rounds};
use crate::server::Server;

/// What the registry has under every name.
const INDEX: &str = r#"{"schemaVersion":2,"manifests":[{"platform":{"os":"linux","architecture":"amd64"}},{"platform":{"os":"linux","architecture":"arm64"}}]}"#;
/// Longer than the registry needs, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(2);

/// Measures both.
pub(crate) fn measure(bench: &mut Bench<'_>, review: &Review) -> Result<Verified> {
    let registry = bench.runtime.block_on(serve_registry())?;
    let policies = Policies::of(&registry.to_string());
    let review = &review.of_registry(&registry.to_string());
    let files = tempfile::tempdir()?;
    let [plain, verifying] = [("plain", &policies.plain), ("verifying", &policies.verifying)].map(|(name, text)| {
        let path = files.path().join(name);
        fs::write(&path, text)?;
        Server::quench_with(bench.cores.servers, &path)
    });
    let (plain, verifying) = (plain?, verifying?);

    let (mut cpu, mut without, mut with) = (Rounds::default(), Quietest::default(), Quietest::default());
    let mut busy = (bench.learned(&plain, review, CONNECTIONS)?, bench.learned(&verifying, review, CONNECTIONS)?);
    let mut alone = (bench.learned(&plain, review, 1)?, bench.learned(&verifying, review, 1)?);
    for _ in 0..bench.plan.rounds {
        let span = bench.plan.window;
        cpu.add(bench.window(&mut busy.0, span)?.turn, bench.window(&mut busy.1, span)?.turn);
        without.see(&mut bench.window(&mut alone.0, span)?.took);
        with.see(&mut bench.window(&mut alone.1, span)?.took);
    }
    Ok(Verified {
        cpu: cpu.beside(),
        p50: with.p50 / without.p50,
        p99: with.p99 / without.p99,
        waited: cpu.waited(),
        allocations: bench.runtime.block_on(allocations(&policies, review))?,
    })
}

/// A registry that has everything, until the runtime ends.
async fn serve_registry() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let has_it = || async { ([(CONTENT_TYPE, "application/vnd.oci.image.index.v1+json")], INDEX) };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(has_it)).await });
    Ok(address)
}

/// The policy of the other servers, with hardened images in a registry of our own.
struct Policies {
    plain: String,
    verifying: String,
}

impl Policies {
    fn of(registry: &str) -> Self {
        let plain = format!(
            "{POLICY}hardened: {{repository: '{registry}/{{name}}'}}\n\
             pullSecrets: [{{name: dhi-pull-secret, registries: ['{registry}']}}]\n"
        );
        let timeout = PATIENCE.as_secs();
        let verifying = format!("{plain}verify: {{timeout: {timeout}s, insecure: ['{registry}']}}\n");
        Self { plain, verifying }
    }
}

/// What a decision allocates more where answers are looked up that are known.
async fn allocations(policies: &Policies, review: &Review) -> Result<usize> {
    let decider = |text| anyhow::Ok(Decider { policy: Policy::parse(text, "policy.yaml")?, ..Decider::new()? });
    let (plain, verifying) = (decider(&policies.plain)?, decider(&policies.verifying)?);
    let options = Options { proxies: Proxies::None, ..Options::default() };
    let registry = Registry::new(options, Arc::new(Metrics::new()))?;
    let mut candidates = Vec::new();
    verifying.decide_by(&review.body, |plan| {
        candidates = plan.candidates().cloned().collect::<Vec<_>>();
        Ok(Existing::declared())
    })?;
    ensure!(!candidates.is_empty(), "a policy with `verify` asks for nothing");
    registry.look_up(candidates, PATIENCE, || Trust::of(&verifying.policy)).await;

    let known = |plan: &quench_core::decide::plan::Plan<'_>| {
        // As the webhook does it.
        let candidates: Vec<_> = plan.candidates().cloned().collect();
        let known = pin!(registry.look_up(candidates, Duration::ZERO, Trust::default));
        match known.poll(&mut Polling::from_waker(Waker::noop())) {
            Poll::Ready(existing) => Ok(existing),
            Poll::Pending => bail!("an answer is not known"),
        }
    };
    // What is allocated once, as by the first look at a metric, is no cost of a review.
    verifying.decide_by(&review.body, known)?;
    let (with, reply) = count_alloc(|| verifying.decide_by(&review.body, known));
    let (without, plain) = count_alloc(|| plain.decide(&review.body));
    ensure!(reply? == plain?, "a reply changes where everything exists as the catalog says");
    let sum = |(allocations, reallocations, _): (usize, usize, usize)| allocations + reallocations;
    sum(with).checked_sub(sum(without)).context("a look-up saves allocations")
}
