//! Tests which catalog files are accepted, which are refused, and which build gets which facts.

use serde_json::{Value, json};

use super::*;

/// Parses a catalog of one image, which has `fields` besides its name and upstream repository.
fn catalog(fields: &Value) -> Result<Catalog, CatalogError> {
    let mut image = json!({"name": "app", "upstream": [{"ref": "example.com/app"}]});
    for (field, value) in fields.as_object().unwrap() {
        image[field] = value.clone();
    }
    Catalog::parse(&json!({"schema": "dhi-images/1", "images": [image]}).to_string())
}

fn tag_of(catalog: &Catalog, image: &str) -> Option<String> {
    catalog.resolve(&image.parse().unwrap()).tag
}

#[test]
fn the_embedded_catalog_parses() {
    let catalog = Catalog::parse(&Catalog::embedded_text()).unwrap();
    assert_eq!(catalog.images().len(), 554);
    assert_eq!(catalog.images().filter(|image| image.has_runtime()).count(), 548);
    assert!(catalog.images().is_sorted_by_key(Image::name));
    assert_eq!(catalog.get("nginx").map(Image::name), Some("nginx"));
    assert_eq!(catalog.get("no-such-image"), None);
}

#[test]
fn the_snapshot_has_the_schemes_beside_it() {
    let file: Value = serde_json::from_str(include_str!("../../data/schemes.json")).unwrap();
    let catalog = Catalog::embedded();
    let merged = catalog.images().filter_map(|image| Some((image.name().to_owned(), Value::from(image.scheme()?))));
    assert_eq!(Some(&merged.collect()), file["schemes"].as_object());
}

#[test]
fn unknown_absent_and_null_fields_do_no_harm() {
    let variants =
        json!([{"os": "debian-13", "suffix": [""], "lines": [["1.2.3", "1.2"]], "bare_only": null, "new": 1}]);
    for fields in [
        json!({"variants": variants}),
        json!({"variants": variants, "default": null, "contents": null, "past_versions": null, "run_as": null, "scheme": null}),
        json!({"variants": variants, "default": {}, "contents": {}, "ports": null, "shell": null, "flavors": ["x"], "new": {}}),
    ] {
        let catalog = catalog(&fields).unwrap();
        assert_eq!(tag_of(&catalog, "example.com/app:v1.2.3").as_deref(), Some("1.2.3"), "{fields}");
        assert_eq!(tag_of(&catalog, "example.com/app").as_deref(), Some("1.2"), "{fields}");
        let facts = catalog.get("app").unwrap().facts();
        assert_eq!((facts.run_as, facts.has_shell(), facts.contents), (65532, false, None), "{fields}");
    }
    assert_eq!(catalog(&json!({"upstream": null})).unwrap().images().len(), 1);
    assert_eq!(Catalog::parse("{\"images\": []}").unwrap().images().len(), 0);
}

#[test]
fn says_what_is_wrong_and_where() {
    let upstream = |field: &str, value: &str| json!({"upstream": [{"ref": "example.com/app", field: value}]});
    for (fields, message) in [
        (json!({"name": "a/b"}), "`name` must be one component of a repository, such as `nginx`: a/b"),
        (json!({"name": "a b"}), "`name` must be one component of a repository, such as `nginx`: a b"),
        (
            upstream("ref", "Nginx"),
            "image `app`: `upstream[].ref` must be a registry and a repository, without a tag: Nginx",
        ),
        (
            upstream("ref", "nginx:1"),
            "image `app`: `upstream[].ref` must be a registry and a repository, without a tag: nginx:1",
        ),
        (
            upstream("tag_match", "a|b"),
            "image `app`: `tag_match` must be a word, with `^` or `$` at its ends, or `^(?!.*word).*$`: a|b",
        ),
        (
            json!({"variants": [{"lines": [["1.2 3"]]}]}),
            "image `app`: a part of a tag may have letters, digits, `_`, `.` and `-`: 1.2 3",
        ),
        (json!({"ports": ["http"]}), "image `app`: `ports` must be like `8080/tcp`: http"),
        (
            json!({"run_as": "root"}),
            "the catalog is not JSON in the `dhi-images/1` format; docs/catalog.md says what writes it",
        ),
    ] {
        assert_eq!(catalog(&fields).unwrap_err().to_string(), message, "{fields}");
    }
    let schema = Catalog::parse("{\"schema\": \"dhi-images/2\", \"images\": []}").unwrap_err();
    assert!(matches!(schema, CatalogError::Schema { written } if &*written == "dhi-images/2"));
    let twice = Catalog::parse("{\"images\": [{\"name\": \"a\"}, {\"name\": \"b\"}, {\"name\": \"a\"}]}").unwrap_err();
    assert!(matches!(twice, CatalogError::Duplicate(name) if &*name == "a"));
}

#[test]
fn a_file_may_list_registries() {
    let file = json!({
        "images": [{"name": "app", "variants": [{"lines": [["1.2.3"]]}], "upstream": [
            {"ref": "docker.io/library/app"}, {"ref": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/app"},
        ]}],
        "copies": [{"from": "copy.example.com/hub", "to": "docker.io"}],
        "amazon_accounts": ["111122223333", "444455556666"],
    });
    let catalog = Catalog::parse(&file.to_string()).unwrap();
    for (image, found) in [
        ("app:1.2.3", true),
        ("copy.example.com/hub/library/app:1.2.3", true),
        ("copy.example.com/hub/app:1.2.3", true),
        ("mirror.gcr.io/library/app:1.2.3", false),
        ("444455556666.dkr.ecr.us-east-1.amazonaws.com/app:1.2.3", true),
        ("602401143452.dkr.ecr.us-east-1.amazonaws.com/app:1.2.3", false),
    ] {
        assert_eq!(tag_of(&catalog, image).is_some(), found, "{image}");
    }
}

#[test]
fn facts_are_those_of_the_closest_level() {
    let catalog = catalog(&json!({
        "run_as": 65532, "run_as_name": "nonroot", "cmd": ["run"], "shell": [], "ports": ["8080/tcp"],
        "default": {"os": "debian-13", "version": "2.0.1"},
        "variants": [
            {"os": "debian-13", "suffix": [""], "lines": [["2.0.1", "2.0"], ["1.9.4", "1.9"]], "cmd_by_line": {"1.9.4": ["old"]}},
            {"os": "debian-13", "flavor": "compat", "suffix": [""], "lines": [["2.0.1", "2.0"]], "run_as": 0, "shell": ["bash"]},
            {"os": "alpine-3.24", "suffix": ["-alpine"], "lines": [["2.0.1", "2.0"]], "has_shell": true, "cmd": []},
        ],
        "contents": {
            "debian-13": {"programs": ["/app"], "packages": ["tzdata", "app=2.0.1-1"], "user": "nonroot"},
            "debian-13+compat": {"packages": ["bash"], "user": "root"},
        },
    }))
    .unwrap();
    let facts = |tag: &str| catalog.get("app").unwrap().tag(tag).unwrap().facts();
    let user = |tag: &str| (facts(tag).run_as, facts(tag).run_as_name);
    assert_eq!([user("2.0.1"), user("2.0-compat")], [(65532, Some("nonroot")), (0, Some("root"))]);
    assert_eq!(["2.0.1", "1.9", "2.0.1-alpine"].map(|tag| facts(tag).cmd.concat()), ["run", "old", ""]);
    assert_eq!(["2.0.1", "2.0.1-compat", "2.0.1-alpine"].map(|tag| facts(tag).shell.concat()), ["", "bash", "sh"]);
    assert_eq!(facts("1.9").ports.first().map(ToString::to_string).as_deref(), Some("8080/tcp"));
    let inside = |tag: &str| {
        let contents = facts(tag).contents.unwrap();
        (contents.programs.concat(), contents.package_names().collect::<Vec<_>>().join(" "))
    };
    assert_eq!(inside("2.0.1"), ("/app".to_owned(), "tzdata app".to_owned()));
    assert_eq!(inside("2.0.1-compat"), ("/app".to_owned(), "bash".to_owned()));
    assert_eq!(inside("2.0.1-alpine"), inside("2.0.1"));
}

/// An SDK and its runtime share an entry of contents for their operating system; only the build with the entry's user
/// gets the contents.
#[test]
fn contents_belong_to_builds_with_their_user() {
    let catalog = catalog(&json!({
        "run_as": 65532,
        "variants": [
            {"os": "debian-13", "suffix": [""], "lines": [["8.0.1"]]},
            {"os": "debian-13", "kind": "sdk", "suffix": [""], "lines": [["8.0.100-sdk"]], "run_as": 0},
        ],
        "contents": {"debian-13": {"packages": ["bash"], "user": "root"}},
    }))
    .unwrap();
    let known = |tag: &str| catalog.get("app").unwrap().tag(tag).unwrap().facts().contents.is_some();
    assert_eq!([known("8.0.1"), known("8.0.100-sdk")], [false, true]);
}

#[test]
fn reasons_are_sentences() {
    let catalog = Catalog::embedded();
    for (image, reason) in [
        ("nginx:1.31.4", "the same version"),
        ("mongo:8.0.29-noble", "the same version; no noble build: the default operating system"),
        ("nginx:1.31-alpine", "the same short tag, 1.31.3 today; upstream's may name another patch"),
        (
            "quay.io/argoproj/argocd:v3.4.4",
            "declared by an earlier revision of the catalog only; live tag of its line: `3.4` (3.4.7)",
        ),
        ("apache/kafka:4.1.0", "4.1.0 is not declared; live tag of its line: `4.1` (4.1.2)"),
        ("registry.k8s.io/kubectl:v1.35.7", "1.35.7 exists on alpine-3.23 only; live tag of its line: `1.35` (1.35.8)"),
        ("nginx", "the reference names no version; shortest tag of the newest line: `1` (1.31.4)"),
        ("nginx:1.31.9", "newer than the catalog (newest 1.31.4); only the registry knows whether it is published"),
        ("example.com/app:1", "repository not in the catalog"),
        (
            "otel/opentelemetry-collector-k8s:0.159.0",
            "the hardened image is another build: k8s distribution: another component set than core or contrib",
        ),
        ("maven:3", "development builds only, which run as root and hold a package manager"),
        (
            "nginx@sha256:0a399eb16751829e1af26fea27b20c3ec28d7ab1fb72182879dcae1cca21206a",
            "digest only: the version is not in the reference",
        ),
        ("nginx:1.31.4-nanoserver", "Windows image"),
        ("nginx:1.31.4-fips", "FIPS build: those exist in mirrored repositories only"),
        ("nginx:1.31.4-s390x", "no s390x build"),
        ("nginx:mainline-alpine", "`mainline-alpine` names no version"),
        ("envoyproxy/ratelimit:05c08d03", "a commit id that the catalog does not have"),
        ("kiwigrid/k8s-sidecar:1.30.10", "version line not in the catalog (newest 2.10.1)"),
        (
            "temporalio/server:1.31.9",
            "versions do not line up with upstream's: the full version names that of the command line tool as well",
        ),
        ("postgres:18.5", "18.5 is not declared; live tag of its line: `18` (18.6)"),
        ("nginx:1.31.4-alpine3.24", "no alpine3.24 build of this version; `1.31.4-alpine3.23` exists"),
        ("haproxy:3.2-alpine", "no alpine build of this line; `3.2` (3.2.22) exists"),
        ("busybox:1.38.0", "no build on the default operating system; `1.38.0-alpine` exists"),
        ("docker:29", "flavored builds only; `29-cli` (29.7.2) exists"),
        ("rabbitmq:4-management", "no -management build of 4"),
    ] {
        assert_eq!(catalog.resolve(&image.parse().unwrap()).reason.to_string(), reason, "{image}");
    }
}
