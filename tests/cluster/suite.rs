//! Runs the cases around one cluster that all of them share; libtest cannot start and stop one.

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

/// A named case; the name is the path of its function.
pub(crate) type Case<C> = (&'static str, fn(&C));

/// `cases![theme::case, …]` with their names.
macro_rules! cases {
    ($($theme:ident::$case:ident,)*) => {
        &[$((concat!(stringify!($theme), "::", stringify!($case)), $theme::$case as fn(&_))),*]
    };
}
pub(crate) use cases;

/// What is tried.
pub(crate) struct Suite<C: 'static> {
    /// So many at a time: cases wait for controllers most of the time.
    pub(crate) threads: usize,
    pub(crate) together: &'static [Case<C>],
    /// One after the other, with nothing beside them.
    pub(crate) alone: &'static [Case<C>],
}

impl<C: Send + Sync + 'static> Suite<C> {
    /// Runs the cases that the command line asks for. `stop` is told whether one failed.
    pub(crate) fn run(&self, start: impl FnOnce() -> C, stop: impl FnOnce(C, bool)) -> ExitCode {
        let mut arguments = Arguments::from_args();
        arguments.test_threads.get_or_insert(self.threads);
        if arguments.list {
            let all = self.together.iter().chain(self.alone);
            return libtest_mimic::run(&arguments, all.map(|&(name, _)| Trial::test(name, || Ok(()))).collect())
                .exit_code();
        }
        let cluster = Arc::new(start());
        let together = libtest_mimic::run(&arguments, trials(self.together, &cluster));
        arguments.test_threads = Some(1);
        let alone = libtest_mimic::run(&arguments, trials(self.alone, &cluster));
        let failed = together.has_failed() || alone.has_failed();
        stop(Arc::into_inner(cluster).expect("all cases are over"), failed);
        if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

fn trials<C: Send + Sync + 'static>(cases: &[Case<C>], cluster: &Arc<C>) -> Vec<Trial> {
    let trial = |&(name, case): &Case<C>| {
        let cluster = Arc::clone(cluster);
        Trial::test(name, move || {
            case(&cluster);
            Ok(())
        })
    };
    cases.iter().map(trial).collect()
}
