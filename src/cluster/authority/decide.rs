//! Decides what the Secret should contain, and when a replica needs a new certificate. It does no IO.

use std::sync::Arc;
use std::time::SystemTime;

use quench_certs::{Authority, Bundle, Error, Trusted};

use super::ca_secret::{Found, Kept};

/// The common name of the authorities that quench makes.
pub(super) const NAME: &str = "quench certificate authority";

/// The decision about the authorities in the Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Keep the authorities.
    Keep,
    /// Make a successor, and publish it before it signs a certificate.
    Prepare,
    /// Make the successor the current authority.
    Promote,
    /// Write back the authorities that this replica remembers.
    Restore,
    /// Make a new authority that signs at once, because no usable one is left.
    Replace,
}

/// Reports whether two thirds of a lifetime have passed.
fn is_due(made: SystemTime, not_after: SystemTime, now: SystemTime) -> bool {
    let life = not_after.duration_since(made).unwrap_or_default();
    now >= made + life * 2 / 3
}

/// Decides about the Secret that was `found`. `remembered`: its contents when they were last valid. `is_spread`:
/// whether all API servers trust an authority.
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

/// Returns the contents that the Secret should have; makes an authority if the verdict needs one. `trusted`: further
/// authorities that signed certificates in use.
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
    // Expired authorities are dropped; others may have signed certificates of other replicas. The order is kept, so
    // that no webhook entry is written only for another order.
    let all = of_found.into_iter().chain(of_memory).chain(trusted).chain(first);
    let bundle = all.filter(|authority| authority.is_valid(now));
    let bundle = bundle.collect();
    Ok(Kept { current, next, bundle })
}

/// The certificate that a replica shows in handshakes.
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

/// Reports whether a replica needs a new certificate of `authority`. `is_spread`: whether all API servers trust it.
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
    // A certificate that expires with its authority cannot be replaced by one that lasts longer.
    is_due(shown.made, shown.not_after, now) && shown.not_after < authority.not_after()
}

#[cfg(test)]
mod tests;
