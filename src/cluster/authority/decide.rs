//! What the Secret should hold, and which certificate a replica should show: plain functions of what is known.

use std::sync::Arc;
use std::time::SystemTime;

use quench_certs::{Authority, Bundle, Error, Trusted};

use super::ca_secret::{Found, Kept};

/// The name of the authorities that are made here.
pub(super) const NAME: &str = "quench certificate authority";

/// What becomes of the authorities in the Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They stay.
    Keep,
    /// A successor is made, and told to everybody before it signs anything.
    Prepare,
    /// The successor signs from now on.
    Promote,
    /// Those that this replica remembers are put back.
    Restore,
    /// There is no usable one anywhere: a new one signs at once.
    Replace,
}

/// Whether two thirds of its life are over.
fn is_due(made: SystemTime, not_after: SystemTime, now: SystemTime) -> bool {
    let life = not_after.duration_since(made).unwrap_or_default();
    now >= made + life * 2 / 3
}

/// What is to become of what was `found`. `remembered` is what the Secret held when it was last all right, and `is_spread` says
/// whether everybody trusts an authority by now.
pub(super) fn verdict(
    found: &Found,
    remembered: Option<&Kept>,
    is_spread: impl Fn(&Trusted) -> bool,
    now: SystemTime,
) -> Verdict {
    let is_valid = |authority: &Arc<Authority>| authority.trusted().is_valid(now);
    let instead =
        if remembered.is_some_and(|kept| is_valid(&kept.current)) { Verdict::Restore } else { Verdict::Replace };
    let Found::Kept(kept) = found else { return instead };
    let current = kept.current.trusted();
    match kept.next.as_ref().filter(|next| is_valid(next)) {
        Some(_) if !current.is_valid(now) => Verdict::Promote,
        _ if !current.is_valid(now) => instead,
        Some(next) if is_spread(next.trusted()) => Verdict::Promote,
        None if is_due(current.made(), current.not_after(), now) => Verdict::Prepare,
        _ => Verdict::Keep,
    }
}

/// What the Secret should hold by the verdict, made new where it asks for that. `trusted` are authorities beyond those in the Secret that
/// signed what is in use.
pub(super) fn wanted(
    verdict: Verdict,
    found: &Found,
    remembered: Option<&Kept>,
    trusted: Bundle,
    now: SystemTime,
    make: impl FnOnce() -> Result<Authority, Error>,
) -> Result<Kept, Error> {
    let is_valid = |next: &Arc<Authority>| next.trusted().is_valid(now);
    let kept = if let Found::Kept(kept) = found { Some(kept) } else { None };
    let (current, next) = match (verdict, kept, remembered) {
        (Verdict::Keep, Some(kept), _) | (Verdict::Restore, _, Some(kept)) => (kept.current.clone(), kept.next.clone()),
        (Verdict::Prepare, Some(kept), _) => (kept.current.clone(), Some(Arc::new(make()?))),
        (Verdict::Promote, Some(Kept { next: Some(next), .. }), _) => (next.clone(), None),
        _ => (Arc::new(make()?), None),
    };
    let next = next.filter(is_valid);
    let of_kept = |kept: &Kept| {
        let keyed = [Some(&kept.current), kept.next.as_ref()].into_iter().flatten();
        kept.bundle.clone().into_iter().chain(keyed.map(|authority| authority.trusted().clone())).collect::<Bundle>()
    };
    let of_found = match found {
        Found::Nothing => Bundle::default(),
        Found::Garbage { bundle, .. } => bundle.clone(),
        Found::Kept(kept) => of_kept(kept),
    };
    let lost = matches!(verdict, Verdict::Restore | Verdict::Replace);
    let of_memory = remembered.filter(|_| lost).map(of_kept).unwrap_or_default();
    let first = [Some(&current), next.as_ref()].into_iter().flatten().map(|authority| authority.trusted().clone());
    // What has expired vouches for nothing any more. What has not may have signed what another replica shows. What was
    // there stays in its place, so that no entry is written for the order alone.
    let all = of_found.into_iter().chain(of_memory).chain(trusted).chain(first);
    let bundle = all.filter(|authority| authority.is_valid(now));
    let bundle = bundle.collect();
    Ok(Kept { current, next, bundle })
}

/// The certificate that a replica shows.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) issuer: Trusted,
    pub(super) made: SystemTime,
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
}

impl Shown {
    pub(super) fn is_valid(&self, now: SystemTime) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

/// Whether a replica should show a new certificate by `authority`, which `is_spread` when everybody trusts it.
pub(super) fn is_to_be_replaced(shown: Option<&Shown>, authority: &Trusted, is_spread: bool, now: SystemTime) -> bool {
    if !authority.is_valid(now) {
        return false;
    }
    let Some(shown) = shown else { return true };
    if !shown.is_valid(now) {
        return true;
    }
    if shown.issuer != *authority {
        return is_spread;
    }
    // One that ends with its authority is not outlived by another one.
    is_due(shown.made, shown.not_after, now) && shown.not_after < authority.not_after()
}

#[cfg(test)]
mod tests;
