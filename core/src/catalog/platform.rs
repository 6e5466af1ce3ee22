//! The platforms that images are built for and that nodes have.

/// The platform of a node: Linux on an architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    architecture: Box<str>,
}

impl Platform {
    /// Returns the platforms of nearly every hardened image.
    pub(crate) fn default_list() -> Vec<Self> {
        ["amd64", "arm64"].map(|architecture| Self { architecture: architecture.into() }).into()
    }

    /// Reads `linux/amd64` or `linux/arm/v7`; `None` for anything else.
    pub(crate) fn parse(written: &str) -> Option<Self> {
        let written = written.strip_prefix("linux/")?;
        let (architecture, variant) = written.split_once('/').map_or((written, None), |(a, v)| (a, Some(v)));
        let known = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        (known(architecture) && variant.is_none_or(known)).then(|| Self { architecture: architecture.into() })
    }

    /// Returns the architecture in the spelling of image indexes and node labels.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }
}
