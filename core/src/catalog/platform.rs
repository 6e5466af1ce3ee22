//! Parses the platforms that images are built for and that nodes have.

/// The platform of a node: Linux on an architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    architecture: Box<str>,
}

impl Platform {
    /// Returns the platforms that nearly every hardened image is built for.
    pub(crate) fn default_list() -> Vec<Self> {
        ["amd64", "arm64"].map(|architecture| Self { architecture: architecture.into() }).into()
    }

    /// Parses a platform such as `linux/amd64` or `linux/arm/v7`; `None` for other texts.
    pub(crate) fn parse(written: &str) -> Option<Self> {
        let written = written.strip_prefix("linux/")?;
        let (architecture, variant) = written.split_once('/').map_or((written, None), |(a, v)| (a, Some(v)));
        let known = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        (known(architecture) && variant.is_none_or(known)).then(|| Self { architecture: architecture.into() })
    }

    /// Returns the architecture in the spelling of image indexes and node labels, such as `amd64`.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }
}
