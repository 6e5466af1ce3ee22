use super::*;

/// Returns `MATCH TARGET REWRITES` for an image under a policy that has `body`.
fn decide(image: &str, body: &str) -> String {
    let text = format!("apiVersion: quench.dev/v1alpha1\nkind: Policy\n{body}");
    let policy = Policy::parse(&text, "policy.yaml").unwrap();
    let catalog = Catalog::embedded();
    let decision = Decision::of(image, &policy, &catalog);
    let target = decision.target.reference().or(decision.arrived()).map_or("-", Reference::as_str);
    format!("{} {target} {}", decision.matched, decision.target.used().is_some())
}

#[test]
fn follows_the_policy() {
    let mirrored = "hardened: {repository: 'docker.io/acme/dhi-{name}'}";
    for (image, policy, expected) in [
        ("nginx:1.31.4", "", "exact dhi.io/nginx:1.31.4 true"),
        ("nginx:1.31.4", mirrored, "exact docker.io/acme/dhi-nginx:1.31.4 true"),
        ("redis:7", "", "alias dhi.io/redis:7 true"),
        ("redis:7", "hardened: {matches: [exact]}", "alias dhi.io/redis:7 false"),
        ("istio/pilot:1.29.1", "", "past dhi.io/istio-pilot:1.29.1 false"),
        ("istio/pilot:1.29.1", "hardened: {matches: [past]}", "past dhi.io/istio-pilot:1.29.1 true"),
        (
            "quay.io/cilium/operator-generic:v1.19.3",
            "hardened: {matches: [line]}",
            "line dhi.io/cilium-operator-generic:1.19 true",
        ),
        (
            "quay.io/cilium/operator-generic:v1.19.3",
            "hardened: {matches: [line, past]}",
            "past dhi.io/cilium-operator-generic:1.19.3 true",
        ),
        ("registry.example.com/team/app:1", "", "none - false"),
    ] {
        assert_eq!(decide(image, policy), expected, "{image} {policy}");
    }
}

#[test]
fn leaves_hardened_images_alone() {
    for (image, policy, expected) in [
        ("dhi.io/nginx:1.31.4", "", "hardened dhi.io/nginx:1.31.4 false"),
        ("dhi.io/nobody-knows:1", "", "hardened dhi.io/nobody-knows:1 false"),
        ("acme/dhi-redis:8.10.1", "", "hardened docker.io/acme/dhi-redis:8.10.1 false"),
        ("docker.io/other/dhi-redis", "", "hardened docker.io/other/dhi-redis false"),
        ("acme/dhi-of-our-own:1", "", "none - false"),
        ("a/b/dhi-redis:8", "", "none - false"),
        ("quay.io/acme/dhi-redis:8", "", "none - false"),
        (
            "mirror.example.com/dhi/redis:8",
            "hardened: {repository: 'mirror.example.com/dhi/{name}'}",
            "hardened mirror.example.com/dhi/redis:8 false",
        ),
    ] {
        assert_eq!(decide(image, policy), expected, "{image} {policy}");
    }
}

#[test]
fn rules_go_before_the_catalog_and_mirrors_behind() {
    let rules = "rules: [{match: docker.io/library/nginx, tag: '1.25*', replace: 'dhi.io/nginx:1.31'}, \
                 {match: 'ghcr.io/acme/**', action: keep}, {match: 'ghcr.io/**', replace: 'r.example.com/{repository}:{tag}'}, \
                 {match: quay.io/org/a, replace: 'docker.io/library/nginx:{tag}'}, {match: quay.io/org/b, replace: 'quay.io/org/b:2'}]";
    let mirrors = "mirrors: [{from: docker.io, to: mirror.example.com/hub}]";
    let both = "mirrors: [{from: docker.io, to: mirror.example.com/hub}]\naliases: [{from: mirror.example.com/hub, to: docker.io}]";
    let pinned = format!("nginx:1.25.3@sha256:{}", "a".repeat(64));
    let mirrored = format!("mirror mirror.example.com/hub/library/{pinned} true");
    for (image, policy, expected) in [
        ("nginx:1.25.3", rules, "rule dhi.io/nginx:1.31 true"),
        (&*pinned, rules, "rule dhi.io/nginx:1.31 true"),
        ("nginx:1.31.4", rules, "exact dhi.io/nginx:1.31.4 true"),
        ("ghcr.io/acme/app:1", rules, "rule - false"),
        ("ghcr.io/other/app:1", rules, "rule r.example.com/other/app:1 true"),
        ("r.example.com/other/app:1", rules, "none r.example.com/other/app:1 false"),
        ("ghcr.io/other/app", rules, "rule - false"),
        // The rule's result would be rewritten again, by the catalog.
        ("quay.io/org/a:1.31.4", rules, "rule docker.io/library/nginx:1.31.4 false"),
        ("quay.io/org/b:1", rules, "rule quay.io/org/b:2 true"),
        ("quay.io/org/b:2", rules, "rule quay.io/org/b:2 false"),
        ("nginx:1.31.4", mirrors, "exact dhi.io/nginx:1.31.4 true"),
        (&*pinned, mirrors, &*mirrored),
        ("acme/app", mirrors, "mirror mirror.example.com/hub/acme/app true"),
        ("mirror.example.com/hub/acme/app:1", mirrors, "mirror mirror.example.com/hub/acme/app:1 false"),
        (
            "mirror.example.com/hub/library/nginx:1.31.4",
            mirrors,
            "mirror mirror.example.com/hub/library/nginx:1.31.4 false",
        ),
        ("mirror.example.com/hub/library/nginx:1.31.4", both, "exact dhi.io/nginx:1.31.4 true"),
        // No hardened image corresponds, and the image is on the mirror, so that its pods need the mirror's secret.
        ("mirror.example.com/hub/acme/app:1", both, "none mirror.example.com/hub/acme/app:1 false"),
        (
            "harbor.example.com/hub/nginx:1.31.4",
            "aliases: [{from: harbor.example.com/hub, to: docker.io}]",
            "exact dhi.io/nginx:1.31.4 true",
        ),
        (
            "harbor.example.com/hubs/nginx:1.31.4",
            "aliases: [{from: harbor.example.com/hub, to: docker.io}]",
            "none - false",
        ),
        (
            "harbor.example.com/h/nginx:1",
            "aliases: [{from: harbor.example.com/h, to: dhi.io}]",
            "hardened harbor.example.com/h/nginx:1 false",
        ),
        (
            "mirror.example.com/hub/acme/app:1",
            "mirrors: [{from: mirror.example.com, to: docker.io}, {from: docker.io, to: mirror.example.com/hub}]\n\
             aliases: [{from: mirror.example.com/hub, to: docker.io}]",
            "none mirror.example.com/hub/acme/app:1 false",
        ),
        // An alias covers a part of the mirror, and a rule would rewrite the image on the mirror again.
        (
            "mirror.example.com/hub/acme/app:1",
            "mirrors: [{from: mirror.example.com/hub, to: docker.io}]\naliases: [{from: docker.io/acme, to: docker.io/copy}]\n\
             rules: [{match: docker.io/acme/*, replace: 'docker.io/library/{name}:{tag}'}]",
            "none - false",
        ),
        // The reference has the hardened form, so that the alias does not matter.
        (
            "harbor.example.com/library/redis:7",
            "hardened: {repository: 'harbor.example.com/library/{name}'}\naliases: [{from: harbor.example.com, to: docker.io}]",
            "hardened harbor.example.com/library/redis:7 false",
        ),
    ] {
        assert_eq!(decide(image, policy), expected, "{image} {policy}");
    }
    let growing = "rules: [{match: ghcr.io/a/b, replace: 'ghcr.io/a/b:{tag}-x'}]";
    assert_eq!(decide("ghcr.io/a/b:1", growing), "rule ghcr.io/a/b:1-x false");
}

#[test]
fn placeholders_are_no_mistakes() {
    let (policy, catalog) = (Policy::default(), Catalog::embedded());
    for (image, placeholder) in [
        ("", true),
        ("auto", true),
        ("<image_url>", true),
        ("{{ .Values.image }}:1", true),
        ("$(IMAGE)", true),
        (" nginx", false),
        ("Nginx:1", false),
    ] {
        let decision = Decision::of(image, &policy, &catalog);
        assert_eq!((decision.matched, decision.parse_error().is_none()), (Match::NONE, placeholder), "{image:?}");
    }
}

#[test]
fn misspelt_names_are_repaired_where_the_policy_says_so() {
    let repair = "hardened: {misspelt: repair}";
    let mirrored = "hardened: {misspelt: repair, repository: 'docker.io/acme/dhi-{name}'}";
    for (image, policy, expected) in [
        ("dhi.io/dhi/nginx:1.31.4", "", "hardened dhi.io/dhi/nginx:1.31.4 false"),
        ("dhi.io/dhi/nginx:1.31.4", repair, "hardened dhi.io/nginx:1.31.4 true"),
        ("dhi.io/dhi-nginx:1.31.4", repair, "hardened dhi.io/nginx:1.31.4 true"),
        ("dhi.io/dhi-nginx:1.31.4", mirrored, "hardened docker.io/acme/dhi-nginx:1.31.4 true"),
        // Operators compose such references from registry, path, prefix, name and version.
        ("dhi.io/dhi/calico-kube-controllers:v3.31.7", repair, "hardened dhi.io/calico-kube-controllers:v3.31.7 true"),
        ("dhi.io/dhi/redis:v8.10.1", repair, "hardened dhi.io/redis:8.10.1 true"),
        ("dhi.io/dhi/nginx:1.0.0", repair, "hardened dhi.io/dhi/nginx:1.0.0 false"),
        ("dhi.io/dhi/nginx", repair, "hardened dhi.io/dhi/nginx false"),
        ("dhi.io/dhi/nobody-knows:1", repair, "hardened dhi.io/dhi/nobody-knows:1 false"),
        ("docker.io/acme/dhi-nginx:1.31.4", repair, "hardened docker.io/acme/dhi-nginx:1.31.4 false"),
    ] {
        assert_eq!(decide(image, policy), expected, "{image} {policy}");
    }
}

#[test]
fn compat_builds_are_found() {
    let (catalog, policy) = (Catalog::embedded(), Policy::default());
    let compat_of = |image: &str| {
        let builds = Decision::of(image, &policy, &catalog).fallback_builds(&policy);
        builds.into_iter().find(|build| build.to.tag().is_some_and(|tag| tag.ends_with("-compat")))
    };
    for (image, compat) in [
        ("nginx:1.31.4", Some("1.31.4-compat")),
        ("nginx:1.31", Some("1.31-compat")),
        ("nginx", Some("1-compat")),
        ("nginx:1.30.4", None),
        ("nginx:1.31.4-bookworm", None),
        ("nginx:1.31.9", None),
        ("aquasec/trivy:0.74.0-alpine3.23", Some("0.74.0-alpine3.23-compat")),
        ("mongo:8.0.29", None),
        ("redis:8.10.1-compat", None),
    ] {
        let found = compat_of(image);
        assert_eq!(found.as_ref().and_then(|build| build.to.tag()), compat, "{image}");
    }
    assert!(compat_of("nginx:1.31.4").unwrap().facts.has_shell());
}
