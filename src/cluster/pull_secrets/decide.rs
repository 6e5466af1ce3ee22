//! Decides what to do about one pull secret in one namespace. It does no IO.

use super::objects::{Digest, Found, Home, Owner};

/// The state of the source of copies, a Secret in quench's own namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Original {
    /// The source is a pull secret; the digest is that of its credentials.
    Usable(Digest),
    /// The source is a Secret of another type.
    Unusable,
    Missing,
}

/// The decision about a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Do nothing; the state stays until something changes.
    Stands(State),
    /// Create the copy.
    Create,
    /// Update the copy from the source.
    Update,
    /// Delete the copy and create it again, because it cannot be updated to match the source.
    Renew,
    /// Delete the copy, which quench made and the policy no longer wants. The write is delayed, since another replica
    /// may still have the earlier policy, and would create the copy again.
    Remove,
}

impl Verdict {
    /// Reports whether the write gives credentials to a namespace, so the namespace's labels must be known to be
    /// current.
    pub(super) fn brings_credentials(self) -> bool {
        matches!(self, Self::Create | Self::Update)
    }
}

/// The state of a pull secret in a namespace that needs no write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The pull secret is not wanted and quench has no copy there, or the namespace is unknown or being deleted.
    Apart,
    /// The copy equals the source.
    Current,
    /// A Secret of that name exists, which quench did not make.
    Foreign,
    /// The source is missing or unusable; earlier copies stay.
    Waiting,
}

/// Decides about a namespace; `is_wanted` says whether the policy wants the pull secret there. `home` is `None` while
/// the namespace is unknown: then nothing is done, since it may have just been deleted.
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
