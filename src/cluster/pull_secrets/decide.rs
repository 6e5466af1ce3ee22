//! Decides what to do about one pull secret in one namespace. No IO.

use super::objects::{Digest, Found, Home, Owner};

/// The source of copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Original {
    /// A pull secret with this digest.
    Usable(Digest),
    /// A Secret of another type.
    Unusable,
    Missing,
}

/// The decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing is to be done; the state is final.
    Stands(State),
    /// Create the copy.
    Create,
    /// Update the copy from the source.
    Update,
    /// Delete and create the copy, because it cannot be changed to match the source.
    Renew,
    /// Delete the copy, which is ours and not wanted; not at once, since another replica may have another policy and
    /// want it.
    Remove,
}

impl Verdict {
    /// Reports whether the write gives credentials to a namespace, which must then be known to want them.
    pub(super) fn brings_credentials(self) -> bool {
        matches!(self, Self::Create | Self::Update)
    }
}

/// The final state of a pull secret in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The secret is not wanted and not there, or none of our business.
    Apart,
    /// The copy equals the source.
    Current,
    /// A Secret of that name belongs to somebody else.
    Foreign,
    /// The source is missing; earlier copies stay.
    Waiting,
}

/// Decides about a namespace, given whether the secret is wanted there. `home` is `None` while the namespace is
/// unknown; then nothing is done, since it may just have been deleted.
pub(super) fn verdict(is_wanted: bool, original: Original, home: Option<&Home>, found: Option<&Found>) -> Verdict {
    let Some(home) = home else { return Verdict::Stands(State::Apart) };
    if home.is_terminating {
        return Verdict::Stands(State::Apart);
    }
    match (found, original) {
        (Some(found), _) if found.owner == Owner::SomebodyElse => {
            Verdict::Stands(if is_wanted { State::Foreign } else { State::Apart })
        }
        (None, _) if !is_wanted => Verdict::Stands(State::Apart),
        (Some(_), _) if !is_wanted => Verdict::Remove,
        (_, Original::Missing | Original::Unusable) => Verdict::Stands(State::Waiting),
        (None, Original::Usable(_)) => Verdict::Create,
        (Some(found), Original::Usable(digest)) if found.digest == Some(digest) => Verdict::Stands(State::Current),
        (Some(found), Original::Usable(_)) if found.is_fixed => Verdict::Renew,
        (Some(_), Original::Usable(_)) => Verdict::Update,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Secret;
    use serde_json::json;

    use super::super::objects::{KEY, OWNER, PLACE, TYPE};
    use super::*;

    fn found(owner: &str, type_: &str, is_immutable: bool, held: &str) -> Found {
        let secret: Secret = serde_json::from_value(json!({
            "metadata": {"namespace": "shop", "uid": "u", "resourceVersion": "7", "labels": {OWNER: owner}, "annotations": {PLACE: "shop"}},
            "type": type_,
            "immutable": is_immutable,
            "data": {KEY: held},
        }))
        .unwrap();
        Found::of(secret, "quench")
    }

    #[test]
    fn each_case_has_its_verdict() {
        let same = found("quench", TYPE, false, "b25l");
        let usable = Original::Usable(same.digest.unwrap());
        let other = found("quench", TYPE, false, "dHdv");
        let fixed = found("quench", TYPE, true, "dHdv");
        let fixed_and_same = found("quench", TYPE, true, "b25l");
        let opaque = found("quench", "Opaque", false, "b25l");
        let foreign = found("somebody", TYPE, false, "b25l");
        let (here, going) = (Home::default(), Home { is_terminating: true, ..Home::default() });
        let stands = Verdict::Stands;
        for (is_wanted, original, home, found, expected) in [
            (true, usable, Some(&here), None, Verdict::Create),
            (true, usable, Some(&here), Some(&same), stands(State::Current)),
            (true, usable, Some(&here), Some(&other), Verdict::Update),
            (true, usable, Some(&here), Some(&fixed), Verdict::Renew),
            (true, usable, Some(&here), Some(&fixed_and_same), stands(State::Current)),
            (true, usable, Some(&here), Some(&opaque), Verdict::Renew),
            (false, usable, Some(&here), Some(&fixed), Verdict::Remove),
            (true, usable, Some(&here), Some(&foreign), stands(State::Foreign)),
            (true, usable, Some(&going), None, stands(State::Apart)),
            (true, usable, Some(&going), Some(&other), stands(State::Apart)),
            (true, usable, None, None, stands(State::Apart)),
            (true, usable, None, Some(&other), stands(State::Apart)),
            (true, Original::Missing, Some(&here), None, stands(State::Waiting)),
            (true, Original::Missing, Some(&here), Some(&same), stands(State::Waiting)),
            (true, Original::Unusable, Some(&here), Some(&other), stands(State::Waiting)),
            (true, Original::Missing, Some(&here), Some(&foreign), stands(State::Foreign)),
            (false, usable, Some(&here), None, stands(State::Apart)),
            (false, usable, Some(&here), Some(&same), Verdict::Remove),
            (false, Original::Missing, Some(&here), Some(&other), Verdict::Remove),
            (false, usable, Some(&here), Some(&foreign), stands(State::Apart)),
            (false, usable, Some(&going), Some(&same), stands(State::Apart)),
            (false, usable, None, Some(&same), stands(State::Apart)),
        ] {
            assert_eq!(
                verdict(is_wanted, original, home, found),
                expected,
                "{is_wanted} {original:?} {home:?} {found:?}"
            );
        }
    }
}
