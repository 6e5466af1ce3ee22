//! `time-zone-missing`: a time zone in an image without time zones.

use super::{Candidate, Hazard};
use crate::read::workload::is_below;

/// Where the C library looks for time zones, and for the one of the machine.
const PLACES: [&str; 2] = ["/usr/share/zoneinfo", "/etc/localtime"];
/// What it makes of names that it does not know anyway.
const UNIVERSAL: [&str; 8] = ["UTC", "Etc/UTC", "UCT", "Etc/UCT", "GMT", "Etc/GMT", "Zulu", "Universal"];
/// Packages of runtimes that bring time zones of their own.
const RUNTIMES: [&str; 6] = ["eclipse-temurin", "openjdk", "amazoncorretto", "sapmachine", "nodejs", "dotnet"];

/// Sets `TZ` to a named zone, no package of the image brings zones, and no volume does.
pub(super) fn missing<'c>(candidate: &Candidate<'c, '_>) -> Option<Hazard<'c>> {
    let Candidate { opened, facts, .. } = candidate;
    let contents = facts.contents.filter(|contents| !contents.packages.is_empty())?;
    let zone = opened.env().iter().find(|variable| &*variable.name == "TZ" && is_named_zone(&variable.value))?;
    let brings = |package: &str| package == "tzdata" || RUNTIMES.iter().any(|runtime| package.starts_with(runtime));
    let is_mounted = |place: &str| {
        let mut mounts = opened.mounts().iter();
        mounts.any(|mount| mount.holds(place) || is_below(mount.path.trim_end_matches('/'), place))
    };
    let is_missing =
        !zone.is_from_elsewhere() && !contents.package_names().any(brings) && !PLACES.into_iter().any(is_mounted);
    is_missing.then_some(Hazard::TimeZoneMissing)
}

/// Whether a value names a zone, other than that of the world: `CET-1CEST` says all by itself.
fn is_named_zone(zone: &str) -> bool {
    let zone = zone.strip_prefix(':').unwrap_or(zone);
    let says_its_offset = zone.bytes().any(|byte| byte.is_ascii_digit()) && !zone.contains('/');
    !zone.is_empty() && !says_its_offset && !UNIVERSAL.contains(&zone)
}
