//! Tests `quench catalog refresh` against simulated registries and a real one.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

#[path = "registry/debian.rs"]
mod debian;
#[path = "catalog/desk.rs"]
mod desk;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "registry/server.rs"]
mod server;

use std::fs;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use desk::{Desk, Fickle, IMAGES, PATIENCE, asked, goes_on, name, once, page, run, until};
use serde_json::{Value, json};
use server::{Reply, Server, Speaks};

#[tokio::test]
async fn a_fresh_file_has_what_the_registry_lists() {
    let server = Server::start(Speaks::Plain, |seen, _| match (name(&seen.path), seen.path.contains("last=")) {
        ("anchor", false) => {
            page(&["2.4.1", "2.4.2", "2.4"]).with("link", "</v2/acme/dhi-anchor/tags/list?last=2.4>; rel=\"next\"")
        }
        ("anchor", true) => {
            page(&["2.4.1-debian13", "2.4.2-debian13", "2.4-debian13", "2.4.2-dev", "sha256-00.sig", "2.5.0", "edge"])
        }
        ("buoy", _) => page(&["2.4.0", "2.4"]),
        ("compass", _) => Reply::status(404),
        ("dinghy", _) => page(&["2.4.1-fips", "sha256-00"]),
        _ => page(&["2.4.1", "2.4", "2", "2.4.1-debian13", "2.4-debian13", "2-debian13"]),
    })
    .await;
    let desk = Desk::at(&server.host);
    let (code, said) = desk.refresh(&[]).await;
    assert_eq!(
        (code, &*said),
        (
            0,
            "wrote fresh.json: 6 images answered; new: 3 tags; gone: 19 tags\n\
             not in the registry, so left out: 2 images: compass, dinghy\n\
             left out: 3 tags of builds that the catalog does not know, 1 of development builds, 2 of signatures\n"
        )
    );
    assert_eq!(desk.files(), ["catalog.json", "fresh.json", "policy.yaml"], "nothing else is left");
    assert_eq!(desk.tags("anchor"), ["2.4", "2.4-debian13", "2.4.1", "2.4.1-debian13", "2.4.2", "2.4.2-debian13"]);
    assert_eq!((desk.tags("buoy"), desk.tags("ferry").len()), (vec!["2.4".to_owned(), "2.4.0".to_owned()], 6));
    let file: Value = serde_json::from_str(&fs::read_to_string(desk.file("fresh.json")).unwrap()).unwrap();
    assert_eq!(file["source"]["refreshed"]["repository"], format!("{}/acme/dhi-{{name}}", server.host));
    for (image, matched, decision) in [
        ("sea/anchor:2.4.2", "exact", "rewrite"),
        ("sea/anchor:2.4.1", "exact", "rewrite"),
        ("sea/anchor:2.4", "alias", "rewrite"),
        ("sea/anchor:2", "none", "keep"),
        ("sea/anchor:2.5.0", "unlisted", "keep"),
        ("sea/buoy:2.4.1", "unlisted", "keep"),
        ("sea/buoy:2.4.0", "exact", "rewrite"),
        ("sea/compass:2.4.1", "none", "keep"),
    ] {
        let arguments = ["explain", "--catalog", "fresh.json", "--output", "json", image];
        let line: Value = serde_json::from_str(&run(desk.0.path(), &arguments)).unwrap();
        assert_eq!((&line["match"], &line["decision"]), (&json!(matched), &json!(decision)), "{line}");
    }
    // The new version has the facts of its line.
    let explained =
        run(desk.0.path(), &["explain", "--policy", "policy.yaml", "--catalog", "fresh.json", "sea/anchor:2.4.2"]);
    assert!(explained.contains("runs as      1861\n") && explained.contains("shell        bash\n"), "{explained}");
}

#[tokio::test]
async fn a_limit_is_kept_to_and_then_it_goes_on() {
    let limited = Mutex::new(2);
    let server = Server::start(Speaks::Plain, move |seen, _| {
        let mut limited = limited.lock().unwrap();
        if name(&seen.path) == "buoy" && *limited > 0 {
            *limited -= 1;
            return if *limited == 1 { Reply::status(429).with("retry-after", "2") } else { Reply::status(429) };
        }
        page(&["2.4.1"])
    })
    .await;
    let desk = Desk::at(&server.host);
    let began = Instant::now();
    let (code, said) = desk.refresh(&[]).await;
    assert_eq!(code, 0, "{said}");
    let said_so = format!("buoy: retrying in 2 s: {0}: it limits the rate of requests\n", server.host);
    assert_eq!(said.matches(&said_so).count(), 2, "{said}");
    // What it asked for, and twice the first pause.
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!(asked(&server)["buoy"], 3);
    assert_eq!(server.seen().len(), IMAGES.len() + 2);
}

#[tokio::test]
async fn after_an_outage_or_a_limit_only_the_rest_is_asked_for() {
    for (status, reason) in [
        (500, "500 Internal Server Error"),
        (429, "it limits the rate of requests"),
        (403, "403 Forbidden; refused: 3 images: dinghy, ensign, ferry"),
    ] {
        let registry = Fickle::after(3, move || Reply::status(status)).await;
        let host = &registry.server.host;
        let desk = Desk::at(host);
        let (code, said) = desk.refresh(&["--tries", "2"]).await;
        let expected = format!(
            "error: {host}: {reason}; 3 of 6 images answered; fresh.json is not written; run the same command again to continue\n"
        );
        assert_eq!((code, said), (2, expected));
        assert_eq!(desk.partial().unwrap().lines().count(), 1 + 3);
        assert!(!desk.file("fresh.json").exists());
        let before = registry.asked();
        goes_on(&desk, &registry, 3).await;
        for (image, times) in registry.asked() {
            let more = usize::from(!["anchor", "buoy", "compass"].contains(&&*image));
            assert_eq!(times, before.get(&image).copied().unwrap_or_default() + more, "{image}");
        }
    }
}

#[tokio::test]
async fn a_limit_for_hours_is_not_waited_for() {
    let registry = Fickle::after(2, || Reply::status(429).with("retry-after", "7200")).await;
    let desk = Desk::at(&registry.server.host);
    let began = Instant::now();
    let (code, said) = desk.refresh(&[]).await;
    assert!(code == 2 && began.elapsed() < PATIENCE, "{said}");
    assert!(said.contains("it limits the rate of requests, and asks for a pause of 2h; 2 of 6 images"), "{said}");
    assert_eq!(registry.asked(), once(&["anchor", "buoy", "compass"]));
    goes_on(&desk, &registry, 2).await;
}

#[tokio::test]
async fn a_kill_and_a_signal_lose_nothing_that_was_learned() {
    for (signal, code) in [("KILL", None), ("INT", Some(2)), ("TERM", Some(2))] {
        let registry = Fickle::after(3, Reply::never).await;
        let desk = Desk::at(&registry.server.host);
        // Whoever stops it wants no file.
        let child = desk.start(&["--keep-unanswered"]);
        until("three are learned", || desk.partial().is_some_and(|text| text.lines().count() == 1 + 3)).await;
        until("the fourth is asked for", || registry.asked().len() == 4).await;
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), code, "{said}");
        if code.is_some() {
            let expected = format!(
                "error: stopped by SIG{signal}; 3 of 6 images answered; fresh.json is not written; run the same command again to continue\n"
            );
            assert_eq!(said, expected);
        }
        assert!(!desk.file("fresh.json").exists());
        // A kill may cut a line.
        let mut partial = desk.partial().unwrap();
        partial.push_str(r#"{"name":"dinghy","tags":{"ta"#);
        fs::write(desk.file("fresh.json.partial"), partial).unwrap();
        goes_on(&desk, &registry, 3).await;
        let asked = registry.asked();
        assert_eq!((asked["compass"], asked["dinghy"], asked["ferry"]), (1, 2, 1));
    }
}

#[tokio::test]
async fn what_is_refused_stays_where_that_is_asked_for() {
    let server = Server::start(Speaks::Plain, |seen, _| match name(&seen.path) {
        "buoy" => Reply::status(403),
        _ => page(&["2.4.2"]),
    })
    .await;
    let desk = Desk::at(&server.host);
    let (code, said) = desk.refresh(&[]).await;
    assert!(code == 2 && said.contains("403 Forbidden; refused: 1 image: buoy; 5 of 6 images answered"), "{said}");
    let (code, said) = desk.refresh(&["--keep-unanswered"]).await;
    assert!(code == 0 && said.contains("not answered, so unchanged: 1 image: "), "{said}");
    assert_eq!(asked(&server), [once(&IMAGES), [("buoy".to_owned(), 2)].into()].into_iter().flatten().collect());
    assert_eq!((desk.tags("buoy").len(), desk.tags("ferry")), (6, vec!["2.4.2".to_owned()]));
    assert_eq!(desk.partial(), None);
}

#[tokio::test]
async fn a_registry_that_knows_us_not_is_not_asked_for_everything() {
    let server = Server::start(Speaks::Plain, |_, _| Reply::status(403)).await;
    let desk = Desk::at(&server.host);
    let (code, said) = desk.refresh(&["--keep-unanswered"]).await;
    assert!(code == 2 && said.contains("403 Forbidden; refused: 5 images"), "{said}");
    assert_eq!((server.seen().len(), desk.file("fresh.json").exists()), (5, false));
    let server = Server::start(Speaks::Plain, |_, _| Reply::status(500)).await;
    let desk = Desk::at(&server.host);
    let (code, said) = desk.refresh(&["--keep-unanswered"]).await;
    assert!(code == 2 && said.contains("500 Internal Server Error; 0 of 6 images"), "{said}");
    assert_eq!((server.seen().len(), desk.file("fresh.json").exists()), (3, false));
    let server = Server::start(Speaks::Plain, |_, _| Reply::status(404)).await;
    let desk = Desk::at(&server.host);
    let (code, said) = desk.refresh(&[]).await;
    assert!(code == 2 && said.contains("error: none of 6 images exists as 127.0.0.1:"), "{said}");
    assert_eq!(desk.files(), ["catalog.json", "policy.yaml"], "a name that is mended is asked for at once");
}

#[tokio::test]
async fn named_images_alone_are_asked_for() {
    let registry = Fickle::after(1000, || Reply::status(500)).await;
    let desk = Desk::at(&registry.server.host);
    let (code, said) = desk.refresh(&["ferry", "buoy", "ferry"]).await;
    assert!(
        code == 0 && said.starts_with("wrote fresh.json: 2 images answered; new: 4 tags; gone: 10 tags\n"),
        "{said}"
    );
    assert_eq!(registry.asked(), once(&["buoy", "ferry"]));
    assert_eq!((desk.tags("anchor").len(), desk.tags("ferry").len()), (6, 3));
    let (code, said) = desk.refresh(&["fery"]).await;
    assert_eq!((code, &*said), (2, "error: no image of the catalog is called `fery`; nearest: `ferry`\n"));
}

#[tokio::test]
async fn what_cannot_be_read_or_written_is_an_error_before_anything_is_asked() {
    let registry = Fickle::after(1000, || Reply::status(500)).await;
    let desk = Desk::at(&registry.server.host);
    fs::write(desk.file("broken.json"), "{}").unwrap();
    for (arguments, said) in [
        (&["--registry-auth", "nowhere.json"][..], "cannot read the registry credentials nowhere.json"),
        (&["--registry-auth", "broken.json", "--registry-ca", "nowhere.pem"], "nowhere.pem"),
        (&["--tries", "0"], "0 is not in 1..=100"),
    ] {
        let (code, found) = desk.refresh(arguments).await;
        assert!(code == 2 && found.contains(said), "{arguments:?}: {found}");
    }
    for (out, said) in
        [("no/fresh.json", "cannot store answers in no/fresh.json.partial"), (".", ". is a folder; name a file")]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quench"));
        let output = command
            .current_dir(desk.0.path())
            .args(["catalog", "refresh", "--policy", "policy.yaml", "--out", out])
            .output();
        let found = String::from_utf8(output.unwrap().stderr).unwrap();
        assert!(found.contains(said), "{found}");
    }
    assert_eq!(registry.server.seen().len(), 0);
}

#[tokio::test]
async fn debians_registry_is_refreshed_from() {
    let Some(registry) = debian::start().await else { return };
    for tag in ["2.4.1", "2.4.2", "2.4", "2.4.2-debian13", "2.4.2-dev", "latest"] {
        registry.store("acme/dhi-anchor", tag);
    }
    for number in 10..40 {
        registry.store("acme/dhi-ferry", &format!("2.4.{number}"));
    }
    let desk = Desk::at("");
    desk.policy(&registry.host, "");
    fs::write(desk.file("ca.pem"), server::authority_pem()).unwrap();
    let auths = |login: &str| json!({"auths": {&registry.host: {"auth": STANDARD.encode(login)}}}).to_string();
    fs::write(desk.file("auth.json"), auths(debian::LOGIN)).unwrap();
    fs::write(desk.file("other.json"), auths("puller:wrong")).unwrap();
    let (code, said) = desk.refresh(&["--registry-ca", "ca.pem", "--registry-auth", "other.json"]).await;
    assert!(code == 2 && said.contains("0 of 6 images answered"), "{said}");
    let (code, said) = desk.refresh(&["--registry-ca", "ca.pem", "--registry-auth", "auth.json"]).await;
    assert!(
        code == 0 && said.contains("not in the registry, so left out: 4 images: buoy, compass, dinghy, ensign\n"),
        "{said}"
    );
    assert_eq!(desk.tags("anchor"), ["2.4", "2.4.1", "2.4.2", "2.4.2-debian13"]);
    assert_eq!(desk.tags("ferry").len(), 30);
    let arguments =
        ["explain", "--policy", "policy.yaml", "--catalog", "fresh.json", "--output", "json", "sea/anchor:2.4.2"];
    let line: Value = serde_json::from_str(&run(desk.0.path(), &arguments)).unwrap();
    assert_eq!(
        (&line["match"], &line["target"]),
        (&json!("exact"), &json!(format!("{}/acme/dhi-anchor:2.4.2", registry.host)))
    );
}
