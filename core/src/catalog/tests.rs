use super::*;

#[test]
fn the_embedded_catalog_parses() {
    let catalog = Catalog::parse(EMBEDDED).unwrap();
    assert!(catalog.images().len() > 500);
}
