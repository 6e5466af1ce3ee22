//! Catches panics, so that the panic of one task does not end other tasks.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Returns the output of `work`; `None` if it panicked. The panic hook logs the reason.
pub(crate) async fn unwinding<F: Future>(work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(None),
    })
    .await
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_no_output() {
        assert_eq!(unwinding(async { 1 }).await, Some(1));
        let late = async {
            yield_now().await;
            panic!("a panic that a test asks for");
        };
        assert_eq!(unwinding::<_>(late).await, None::<()>);
    }
}
