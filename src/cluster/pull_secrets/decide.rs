//! What is to be done about one pull secret in one namespace. No IO.

use super::objects::{Digest, Found, Home, Owner};

/// What is there to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Original {
    /// A pull secret, with this digest.
    Usable(Digest),
    /// Something of another type.
    Unusable,
    Missing,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: that is how it stands.
    Stands(State),
    /// There is none yet.
    Create,
    /// It holds something else than the source.
    Update,
    /// It cannot be changed to what the source is: it is taken away, and made anew.
    Renew,
    /// It is ours and not wanted. Not at once: another replica may want it, by a policy that is not ours yet or no more.
    Remove,
}

impl Verdict {
    /// Whether a namespace gets credentials by it: only one that is known to want them still may.
    pub(super) fn brings_credentials(self) -> bool {
        matches!(self, Self::Create | Self::Update)
    }
}

/// How a pull secret stands in a namespace where nothing is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not wanted, and not there; or none of our business.
    Apart,
    /// As the source.
    Current,
    /// Somebody else's Secret of that name is there.
    Foreign,
    /// There is nothing to copy: what was copied before stays.
    Waiting,
}

/// What is to be done in a namespace, where the secret is wanted or not. None while the namespace is unknown: what cannot be told from
/// one that just went is left alone.
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
