//! Runs the program `quench`.

use std::process::ExitCode;

use clap::Parser;
use quench::{cli::Quench, tls};

fn main() -> ExitCode {
    let quench = Quench::parse();
    tls::install_provider();
    quench.run()
}
