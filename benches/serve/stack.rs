//! Serves any router on the program's own stack, in a process of its own.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Result;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use quench::admission::MAX_REVIEW;
use quench::server::{Options, Server};
use quench::telemetry::Metrics;
use quench::tls::{self, Certificate, Identity};
use tokio::runtime;

/// Serves until stdin ends. Prints the port and the certificate authority, and ends stdout.
pub(crate) fn serve(router: Router) -> Result<()> {
    let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
    let running = runtime.block_on(async {
        let anywhere = ([127, 0, 0, 1], 0).into();
        let server = Server::bind(anywhere, anywhere).await?;
        let certificate = Certificate::development(["127.0.0.1"], SystemTime::now())?;
        let acceptor = tls::acceptor(Arc::new(Identity::new(&certificate)), None)?;
        let router = router.layer(DefaultBodyLimit::max(MAX_REVIEW));
        let running = server.start(Options::default(), router, acceptor, Arc::new(Metrics::new()));
        anyhow::Ok((running, certificate))
    })?;
    let (running, certificate) = running;
    let mut stdout = io::stdout().lock();
    write!(stdout, "{}\n{}\n", running.address().port(), certificate.authorities())?;
    stdout.flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
