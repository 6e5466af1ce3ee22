//! Recognizes registries that have another registry's images: public copies, and Amazon's regional registries.

use serde::Deserialize;

use crate::reference::Reference;

/// The copies and the Amazon accounts for catalog files that list none.
///
/// The fields `copies` and `amazon_accounts` of a catalog file replace them.
const BUILT_IN: &str = include_str!("../../data/registries.json");

/// A copy of a registry: the images below `from` are byte for byte the images below `to`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Copied {
    from: Box<str>,
    to: Box<str>,
}

/// The registries that have another registry's images.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Registries {
    copies: Vec<Copied>,
    amazon_accounts: Vec<Box<str>>,
}

impl Registries {
    /// Creates the list from the fields of a catalog file; the built-in values replace absent fields.
    pub(super) fn new(copies: Option<Vec<Copied>>, accounts: Option<Vec<Box<str>>>) -> Result<Self, serde_json::Error> {
        let built_in: Self = serde_json::from_str(BUILT_IN)?;
        Ok(Self {
            copies: copies.unwrap_or(built_in.copies),
            amazon_accounts: accounts.unwrap_or(built_in.amazon_accounts),
        })
    }

    /// Returns the name of the original of a copied image; `None` if the reference is not on a copy.
    pub(super) fn original(&self, reference: &Reference) -> Option<String> {
        self.copies.iter().find_map(|copy| {
            let rest = reference.name().strip_prefix(&*copy.from)?.strip_prefix('/')?;
            let name = format!("{}/{rest}", copy.to);
            // `docker.io/nginx` is `docker.io/library/nginx`, also on a copy of the whole registry.
            Some(name.parse().map_or(name, |reference: Reference| reference.name().to_owned()))
        })
    }

    /// Reports whether Amazon publishes add-on images in a registry: `ACCOUNT.dkr.ecr.REGION.amazonaws.com` with one of
    /// Amazon's accounts and any region.
    pub(super) fn is_amazon(&self, registry: &str) -> bool {
        let region = || {
            let host = registry.strip_suffix(".cn").unwrap_or(registry).strip_suffix(".amazonaws.com")?;
            let (account, region) = host.split_once(".dkr.ecr.")?;
            let named =
                !region.is_empty() && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            named.then_some(account)
        };
        region().is_some_and(|account| self.amazon_accounts.iter().any(|known| **known == *account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_copies_and_amazon() {
        let registries = Registries::new(None, None).unwrap();
        for (copy, original) in [
            ("public.ecr.aws/docker/library/redis:8", Some("docker.io/library/redis")),
            ("ecr-public.aws.com/docker/library/redis", Some("docker.io/library/redis")),
            ("mirror.gcr.io/library/nginx", Some("docker.io/library/nginx")),
            ("mirror.gcr.io/nginx", Some("docker.io/library/nginx")),
            ("mirror.gcr.io/grafana/grafana", Some("docker.io/grafana/grafana")),
            ("public.ecr.aws/docker/redis", None),
            ("public.ecr.aws/docker/libraryx/redis", None),
            ("docker.io/library/nginx", None),
            ("mirror.gcr.io.example.com/library/nginx", None),
        ] {
            assert_eq!(registries.original(&copy.parse().unwrap()).as_deref(), original, "{copy}");
        }
        for (registry, amazon) in [
            ("602401143452.dkr.ecr.us-west-2.amazonaws.com", true),
            ("918309763551.dkr.ecr.cn-north-1.amazonaws.com.cn", true),
            ("123456789012.dkr.ecr.us-west-2.amazonaws.com", false),
            ("602401143452.dkr.ecr.us-west-2.amazonaws.com.evil.com", false),
            ("602401143452.dkr.ecr.a.b.amazonaws.com", false),
            ("602401143452.dkr.ecr..amazonaws.com", false),
            ("602401143452.dkr.ecr.us-west-2.amazonaws.com:443", false),
        ] {
            assert_eq!(registries.is_amazon(registry), amazon, "{registry}");
        }
    }
}
