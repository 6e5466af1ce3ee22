//! Tests that the action `auto` distinguishes certain findings from possible ones.

use quench_core::catalog::Catalog;
use serde_json::json;

use super::answer::Answer;
use super::toggles::{pod, policy};

/// What is certain keeps an image, what is possible warns; what is written holds for both.
#[test]
fn auto_tells_certain_from_possible() {
    let catalog = Catalog::embedded();
    let variable = |name: &str| pod("grafana/grafana:13.2.0", &json!({"env": [{"name": name, "value": "/x"}]}));
    let moved = "=dhi.io/grafana:13.2.0 +dhi-pull-secret";
    for (written, certain, possible) in [
        (None, "!variable-ignored".to_owned(), format!("{moved} !variable-ignored")),
        (Some("auto"), "!variable-ignored".to_owned(), format!("{moved} !variable-ignored")),
        (Some("keep"), "!variable-ignored".to_owned(), "!variable-ignored".to_owned()),
        (Some("warn"), format!("{moved} !variable-ignored"), format!("{moved} !variable-ignored")),
        (Some("ignore"), moved.to_owned(), moved.to_owned()),
        (Some("deny"), "xvariable-ignored".to_owned(), "xvariable-ignored".to_owned()),
    ] {
        // The folder of the data is the user's own.
        let base = json!({"hazards": {"user-differs": "ignore"}});
        let policy = match written {
            Some(action) => policy(&base, "hazards.variable-ignored", &json!(action)),
            None => policy(&base, "mode", &json!("enforce")),
        };
        for (name, expected) in [("GF_SECURITY_ADMIN_PASSWORD__FILE", certain), ("GF_SERVER_DOMAIN__FILE", possible)] {
            assert_eq!(Answer::of(&policy, &catalog, &variable(name), None).compact(), expected, "{written:?} {name}");
        }
    }
}
