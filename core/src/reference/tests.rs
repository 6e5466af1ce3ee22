use super::*;

const DIGEST: &str = "sha256:723130949e4cab989461ff07d1be4cd781d63515432494641b33c235f300ae23";

#[test]
fn spells_names_out() {
    for (written, canonical) in [
        ("nginx", "docker.io/library/nginx"),
        ("docker.io/nginx:1", "docker.io/library/nginx:1"),
        ("docker.io/library/nginx:1", "docker.io/library/nginx:1"),
        ("index.docker.io/nginx:1", "docker.io/library/nginx:1"),
        ("registry-1.docker.io/library/nginx:1", "docker.io/library/nginx:1"),
        ("grafana/grafana:11", "docker.io/grafana/grafana:11"),
        ("docker.io.evil.com/app:1", "docker.io.evil.com/app:1"),
        ("registry:5000/team/app:1", "registry:5000/team/app:1"),
        ("localhost/app:1", "localhost/app:1"),
        ("localhost:5000/app", "localhost:5000/app"),
        ("[fd00::1]:5000/app:1", "[fd00::1]:5000/app:1"),
        ("[fd00::1]/app", "[fd00::1]/app"),
        ("MyReg.example.com/app:1", "MyReg.example.com/app:1"),
        ("ghcr.io/org/ghcr.io:1", "ghcr.io/org/ghcr.io:1"),
        ("a__b/c-----d.e_f:A.b-C_1", "docker.io/a__b/c-----d.e_f:A.b-C_1"),
    ] {
        let parsed: Reference = written.parse().unwrap_or_else(|error| panic!("{written}: {error}"));
        assert_eq!(parsed.to_string(), canonical, "{written}");
        assert_eq!(Reference::try_from(written.to_owned()).as_ref(), Ok(&parsed), "{written}");
        assert_eq!(canonical.parse::<Reference>().as_ref(), Ok(&parsed), "{canonical}");
    }
}

#[test]
fn finds_the_parts() {
    for (written, parts) in [
        ("nginx", ("docker.io", "library/nginx", None, None)),
        ("localhost:5000/a/b:c", ("localhost:5000", "a/b", Some("c"), None)),
        ("a_b.c/d:e", ("", "a_b.c/d", Some("e"), None)),
    ] {
        let parsed: Reference = written.parse().unwrap();
        assert_eq!((parsed.registry(), parsed.repository(), parsed.tag(), parsed.digest()), parts, "{written}");
    }
    let parsed: Reference = format!("quay.io/a/b:1@{DIGEST}").parse().unwrap();
    assert_eq!((parsed.name(), parsed.tag(), parsed.digest()), ("quay.io/a/b", Some("1"), Some(DIGEST)));
    let parsed: Reference = format!("quay.io/a/b@{DIGEST}").parse().unwrap();
    assert_eq!((parsed.name(), parsed.tag(), parsed.digest()), ("quay.io/a/b", None, Some(DIGEST)));
}

#[test]
fn refuses_what_is_no_reference() {
    let long = format!("{}/a", "a".repeat(255));
    let tag = format!("a:{}", "t".repeat(129));
    for (written, error) in [
        ("", ParseError::Empty),
        (" nginx", ParseError::Repository),
        ("Nginx:1", ParseError::Uppercase),
        ("a/B:1", ParseError::Uppercase),
        (DIGEST.trim_start_matches("sha256:"), ParseError::Identifier),
        ("{{ .Values.image }}", ParseError::Uppercase),
        ("-a.com/b", ParseError::Registry),
        ("a.com:port/b", ParseError::Registry),
        ("[fd00::1/app", ParseError::Registry),
        ("a//b", ParseError::Repository),
        ("a/b/", ParseError::Repository),
        ("a..b/c", ParseError::Registry),
        ("a___b", ParseError::Repository),
        ("a-/b", ParseError::Repository),
        ("nginx:", ParseError::Tag),
        ("nginx:.1", ParseError::Tag),
        ("nginx:1:2", ParseError::Tag),
        ("nginx@sha256:abc", ParseError::Digest),
        ("nginx@", ParseError::Digest),
        ("nginx:1\n", ParseError::Tag),
        ("caf\u{e9}", ParseError::Repository),
        (&long, ParseError::RepositoryTooLong),
        (&tag, ParseError::Tag),
    ] {
        assert_eq!(written.parse::<Reference>(), Err(error), "{written:?}");
    }
}

#[test]
fn prefixes_end_at_slashes() {
    let image: Reference = "registry.example.com/team/app:1".parse().unwrap();
    for (prefix, below) in [
        ("registry.example.com", true),
        ("registry.example.com/team", true),
        ("registry.example.com/team/app", true),
        ("registry.example.com/tea", false),
        ("registry.example", false),
        ("example.com", false),
    ] {
        assert_eq!(image.is_below(prefix), below, "{prefix}");
    }
}
