use super::*;

fn space(toml: &str) -> Result<Space> {
    Space::from_table(&toml.parse().unwrap(), "space.toml")
}

fn problem(toml: &str) -> String {
    space(toml).unwrap_err().to_string()
}

#[test]
fn keys_may_be_quoted_or_nested_and_parents_come_first() {
    let found = space(
        "\"train.epochs\" = { int = [1, 9], step = 2, when = { \"model.family\" = 'net' } }\n\
         train.optimizer.lr = { log = [1e-4, 1e-1] }\nmodel.family = { choice = ['net', 'linear'] }",
    )
    .unwrap();
    let keys: Vec<&str> = found.parameters.iter().map(|p| p.key.as_str()).collect();
    assert!(
        keys.iter().position(|k| *k == "model.family") < keys.iter().position(|k| *k == "train.epochs"),
        "{keys:?}"
    );
    assert!(found.parameters.iter().any(|p| p.key == "train.optimizer.lr"));
}

#[test]
fn a_grid_leaves_out_what_its_conditions_exclude() {
    let found = space(
        "a = { choice = [1, 2] }\nb = { int = [1, 5], step = 2, when = { a = 1 } }\nc = { log = [1.0, 100.0], points = 3, when = { a = 2 } }",
    )
    .unwrap();
    let grid = found.grid().unwrap();
    assert_eq!(grid.len(), 6);
    let b: Vec<i64> = grid.iter().filter_map(|values| values.get("b")?.as_integer()).collect();
    assert_eq!(b, [1, 3, 5]);
    let c: Vec<f64> = grid.iter().filter_map(|values| values.get("c")?.as_float()).collect();
    assert!((c[1] - 10.0).abs() < 1e-9 && c[0] == 1.0 && c[2] == 100.0, "{c:?}");
    assert!(grid.iter().all(|values| values.len() == 2));
}

#[test]
fn an_unknown_key_is_told_with_the_nearest_one_before_any_trial() {
    let error = space("\"train.epoch\" = { int = [1, 3] }").unwrap().check(&PlanSource::default()).unwrap_err();
    let text = error.to_string();
    assert!(error.is_wrong_use() && text.contains("tune.space") && text.contains("did you mean `epochs`?"), "{text}");
    let error = space("recipe = { choice = ['cnn', 'nbsvm'] }").unwrap().check(&PlanSource::default()).unwrap_err();
    assert!(error.to_string().contains("did you mean \"nb-svm\"?"), "{error}");
    // Behind a condition, and only at one end.
    let conditional =
        "recipe = { choice = ['cnn', 'linear'] }\n\"model.cc\" = { log = [1.0, 9.0], when = { recipe = 'linear' } }";
    let error = space(conditional).unwrap().check(&PlanSource::default()).unwrap_err().to_string();
    assert!(error.contains("model.cc"), "{error}");
    let error = space("\"train.validation\" = { uniform = [0.1, 1.5] }").unwrap().check(&PlanSource::default());
    assert!(error.unwrap_err().to_string().contains("1.5 is not a share"));
}

#[test]
fn ranges_without_sense_are_refused() {
    assert!(problem("a = { log = [0.0, 1.0] }").contains("has no logarithm"));
    assert!(problem("a = { uniform = [2.0, 1.0] }").contains("below the second"));
    assert!(problem("a = { int = [1.5, 2] }").contains("whole numbers"));
    assert!(problem("a = { choice = [] }").contains("nothing to choose"));
    assert!(problem("a = { choice = [1, 1] }").contains("stands twice"));
    assert!(problem("a = 3").contains("expected a range"));
    assert!(problem("a = { int = [1, 2], stepp = 1 }").contains("`stepp` is not part of a range"));
    assert!(problem("a = { int = [1, 2], when = { b = 1 } }").contains("which the space does not choose"));
    assert!(problem("b = { choice = [1] }\na = { int = [1, 2], when = { b = 2 } }").contains("which it never is"));
}

#[test]
fn short_forms_mean_the_same_as_tables() {
    let table = |toml: &str| space(toml).unwrap().parameters.remove(0);
    let short = |raw: &str| Space::parse_parameter(raw).unwrap();
    assert_eq!(short("x=log(1e-4,1e-1)"), table("x = { log = [1e-4, 1e-1] }"));
    assert_eq!(short("x=int(1,9,2)"), table("x = { int = [1, 9], step = 2 }"));
    assert_eq!(short("x=int-log(1,9)"), table("x = { int = [1, 9], log = true }"));
    assert_eq!(short("x=choice(adam, sgd)"), table("x = { choice = ['adam', 'sgd'] }"));
    for wrong in ["x", "x=3", "x=log(1,2", "x=gauss(1,2)"] {
        let error = Space::parse_parameter(wrong).unwrap_err().to_string();
        assert!(error.starts_with(&format!("--param {wrong}")) && error.contains("help: "), "{error}");
    }
}
