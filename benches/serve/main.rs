//! What a review costs: our handler beside a constant answer on the same stack and a naive kube-rs handler.
//!
//! `cargo bench --bench serve -- --brief` prints a table and, as its last line, one JSON object. `docs/costs.md` says how
//! each figure is measured. The exit code is 1 where a reply was wrong or a count is over its bar; with `--gate`, also where
//! any other figure misses its bar.

#![expect(clippy::print_stdout, reason = "its figures go to stdout")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and times are far below 2^52"
)]

mod client;
mod clock;
mod constant;
mod cores;
mod decision;
mod figures;
mod instructions;
mod measure;
mod naive;
mod reply;
mod report;
mod reviews;
mod rounds;
mod server;
mod stack;
mod verified;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use quench::tls;

use crate::measure::Plan;

/// Counts what the decision allocates. In the constant and the naive server it only costs a few loads an allocation.
#[global_allocator]
static ALLOCATOR: alloc_counter::AllocCounterSystem = alloc_counter::AllocCounterSystem;

/// Measures what a review costs.
#[derive(Debug, Parser)]
struct Arguments {
    /// Less than 50 seconds: fewer rounds, fewer reviews
    #[arg(long)]
    brief: bool,
    /// Exit with 1 where a figure misses its first bar; otherwise only for wrong replies and counts
    #[arg(long)]
    gate: bool,
    /// What cargo passes to every bench, and not to a test
    #[arg(long, hide = true)]
    bench: bool,
    /// What this process is for the one that measures
    #[arg(long, hide = true)]
    role: Option<Role>,
    /// What the role `decide` decides about
    #[arg(long, hide = true, default_value = "typical")]
    review: String,
    /// And how many times
    #[arg(long, hide = true, default_value_t = 1)]
    repeat: usize,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Role {
    Constant,
    Naive,
    Decide,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    tls::install_provider();
    match arguments.role {
        Some(Role::Constant) => stack::serve(constant::router()?)?,
        Some(Role::Naive) => stack::serve(naive::router()?)?,
        Some(Role::Decide) => decision::repeat(&arguments.review, arguments.repeat)?,
        None if arguments.bench => {
            let figures = measure::measure(&if arguments.brief { Plan::brief() } else { Plan::full() })?;
            return Ok(report::print(&figures, arguments.gate)?);
        }
        None => eprintln!("a bench measures nothing when it is run as a test: cargo bench --bench serve"),
    }
    Ok(ExitCode::SUCCESS)
}
