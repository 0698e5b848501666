use super::*;
use crate::train::Metric;

fn config(text: &str) -> PlanSource {
    let folder = tempfile::tempdir().unwrap().keep();
    let path = folder.join("plan.toml");
    std::fs::write(&path, text).unwrap();
    PlanSource { config: Some(path), ..Default::default() }
}

fn set(settings: &[&str]) -> PlanSource {
    PlanSource { set: settings.iter().map(|s| (*s).to_owned()).collect(), ..Default::default() }
}

fn recipe(name: &str) -> PlanSource {
    PlanSource { recipe: Some(name.to_owned()), ..Default::default() }
}

/// A recipe with the pretrained model that it needs, if it needs one.
fn complete(name: &str) -> PlanSource {
    if !name.starts_with("encoder") {
        return recipe(name);
    }
    let set = vec!["pipeline.truncate.max_tokens=40".to_owned()];
    PlanSource { pretrained: Some(encoder()), set, ..recipe(name) }
}

fn encoder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/pretrained/bert")
}

fn problem(source: &PlanSource) -> String {
    let error = load_plan(source).unwrap_err();
    assert!(error.is_wrong_use(), "{error}");
    error.to_string()
}

#[test]
fn every_recipe_is_understood_and_comes_back_from_its_own_print() {
    for Recipe { name, .. } in RECIPES {
        let plan = load_plan(&complete(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let printed = plan.to_toml().unwrap();
        assert_eq!(load_plan(&config(&printed)).unwrap(), plan, "{name}:\n{printed}");
    }
}

#[test]
fn nothing_at_all_is_the_default_recipe() {
    assert_eq!(load_plan(&PlanSource::default()).unwrap(), load_plan(&recipe(DEFAULT_RECIPE)).unwrap());
}

#[test]
fn each_layer_lies_over_the_one_before() {
    let file = "[train]\nepochs = 3\nbatch_size = 7\n[train.early_stopping]\nmetric = 'macro-f1'";
    let plan = load_plan(&config(file)).unwrap();
    let base = load_plan(&PlanSource::default()).unwrap();
    assert_eq!((plan.train.epochs, plan.train.batch_size), (3, 7));
    assert_eq!(plan.train.early_stopping.metric, Metric::MacroF1);
    assert_eq!(plan.train.early_stopping.patience, base.train.early_stopping.patience);
    assert_eq!(plan.model, base.model);

    let mut source = config(file);
    source.set = vec!["train.batch_size=9".into(), "seed=4".into()];
    assert_eq!(load_plan(&source).unwrap().train.batch_size, 9);
    source.seed = Some(5);
    source.epochs = Some(2);
    source.embeddings = Some("glove.txt".into());
    let plan = load_plan(&source).unwrap();
    assert_eq!((plan.seed, plan.train.epochs, plan.train.batch_size), (5, 2, 9));
    assert_eq!(plan.embeddings.as_deref(), Some(Path::new("glove.txt")));
}

#[test]
fn a_file_with_layers_of_its_own_takes_nothing_from_the_default_recipe() {
    let file = "[model]\nfamily = 'net'\nlayers = [{ type = 'embedding', dim = 3 }, { type = 'global-pool' }]";
    let plan = load_plan(&config(file)).unwrap();
    assert_eq!(plan.train, crate::train::TrainSpec::default());
    let mut over_recipe = config(file);
    over_recipe.recipe = Some("kim-2014".into());
    assert_eq!(load_plan(&over_recipe).unwrap().train.batch_size, 50);
}

#[test]
fn kinds_may_be_set_in_any_order() {
    let one = load_plan(&set(&["train.optimizer.lr=0.1", "train.optimizer.kind=sgd"])).unwrap();
    let other = load_plan(&set(&["train.optimizer.kind=sgd", "train.optimizer.lr=0.1"])).unwrap();
    assert_eq!(one, other);
    assert_eq!(one.train.optimizer.lr(), 0.1);
}

#[test]
fn settings_of_a_layer_are_changed_one_by_one() {
    let settings = ["model.layers.2.kind=k-max", "model.layers.2.k=3", "model.layers.1.widths=[7]"];
    let plan = load_plan(&PlanSource { recipe: Some("kim-2014".into()), ..set(&settings) }).unwrap();
    let printed = plan.to_toml().unwrap();
    assert!(printed.contains("kind = \"k-max\"\nk = 3\n") && printed.contains("widths = [7]\n"), "{printed}");
}

#[test]
fn a_misspelt_key_is_told_with_its_line_and_the_nearest_known_one() {
    let error = problem(&config("seed = 1\n\n[train]\nepoch = 3"));
    assert!(error.contains("plan.toml:4: there is no key `train.epoch`"), "{error}");
    assert!(error.contains("did you mean `epochs`?"), "{error}");
    let error = problem(&config("[model]\nfamily = 'net'\n[[model.layers]]\ntype = 'embedding'\ndims = 3\ndim = 3"));
    assert!(error.contains("plan.toml:5: there is no key `model.layers[0].dims`"), "{error}");
    assert!(error.contains("did you mean `dim`?"), "{error}");
    let error = problem(&config("[pipeline.clean]\nhtlm = 'auto'"));
    assert!(error.contains("plan.toml:2: there is no key `pipeline.clean.htlm`"), "{error}");
    assert!(error.contains("did you mean `html`?"), "{error}");
}

#[test]
fn layers_without_settings_have_no_keys() {
    let file = "[model]\nfamily = 'net'\n[[model.layers]]\ntype = 'embedding'\ndim = 3\n\n[[model.layers]]\n\
                type = 'global-pool'\n\n[[model.layers]]\ntype = 'batch-norm'\n";
    load_plan(&config(file)).unwrap();
    let error = problem(&config(&format!("{file}epsilom = 1e-3\n")));
    assert!(error.contains("plan.toml:12: there is no key `model.layers[2].epsilom`"), "{error}");
    assert!(error.contains("no keys go here"), "{error}");
}

#[test]
fn the_wrong_table_is_told_even_where_the_key_is_right_elsewhere() {
    let error = problem(&config("[train.optimizer]\nkind = 'adam'\nlr = 0.1\n[train]\nlr = 0.1"));
    assert!(error.contains("plan.toml:5: there is no key `train.lr`"), "{error}");
    let error = problem(&set(&["batch_size=3"]));
    assert!(error.starts_with("--set batch_size=3: there is no key `batch_size`"), "{error}");
    assert!(error.contains("did you mean `train.batch_size`?"), "{error}");
}

#[test]
fn a_wrong_value_is_told_with_its_place() {
    let error = problem(&config("[train]\nbatch_size = 3\nepochs = 'many'"));
    assert!(error.contains("plan.toml:3: `train.epochs`: invalid type: string \"many\""), "{error}");
    let error = problem(&set(&["train.early_stopping.metric=acuracy"]));
    assert!(error.starts_with("--set train.early_stopping.metric=acuracy: "), "{error}");
    assert!(error.contains("did you mean \"accuracy\"?"), "{error}");
    let error = problem(&set(&["model.layers.0.dim=-1"]));
    assert!(error.starts_with("--set model.layers.0.dim=-1: `model.layers[0].dim`"), "{error}");
    let error = problem(&set(&["model.layers.0.type=embeding"]));
    assert!(error.contains("did you mean \"embedding\"?"), "{error}");
}

#[test]
fn a_missing_key_is_told_with_its_table() {
    let error = problem(&config("[model]\nfamily = 'net'\n\n[[model.layers]]\ntype = 'embedding'"));
    assert!(error.contains("plan.toml:4: the key `model.layers[0].dim` is missing"), "{error}");
}

#[test]
fn a_plan_without_a_model_is_no_plan() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recipe.toml");
    std::fs::write(&path, "[train]\nepochs = 3\n").unwrap();
    let error = problem(&recipe(path.to_str().unwrap()));
    assert!(error.contains("the key `model` is missing"), "{error}");
    assert!(toml::from_str::<Plan>("seed = 1").unwrap_err().message().contains("missing field `model`"));
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    let error = problem(&config("[train]\nepochs = \n"));
    assert!(error.contains("plan.toml:2: this is not TOML"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.toml");
    std::fs::write(&path, b"\xff\xfe").unwrap();
    assert!(problem(&PlanSource { config: Some(path), ..Default::default() }).contains("not UTF-8"));
}

#[test]
fn values_without_sense_are_refused_before_documents_are_read() {
    assert!(problem(&set(&["train.epochs=0"])).contains("train.epochs"));
    assert!(problem(&set(&["pipeline.truncate.max_tokens=0"])).contains("pipeline.truncate.max_tokens"));
    let error = problem(&config("[model]\nfamily = 'net'\nlayers = [{ type = 'embedding', dim = 3 }]"));
    assert!(error.contains("global-pool"), "{error}");
}

#[test]
fn a_pretrained_model_goes_with_layers_that_read_its_states() {
    for (source, expected) in [
        (recipe("encoder"), "pretrained: the layers read the states of an encoder, and none is named"),
        (PlanSource { pretrained: Some(encoder()), ..recipe("cnn") }, "model.layers[0]: this layer reads tokens"),
        (PlanSource { pretrained: Some(encoder()), ..recipe("nb") }, "pretrained: this model counts n-grams"),
        (PlanSource { pretrained: Some(encoder()), ..recipe("bag") }, "model.features: an encoder reads tokens"),
        (PlanSource { pretrained: Some(encoder()), ..recipe("encoder") }, "the model has positions for 40"),
        (PlanSource { pretrained: Some("no/such".into()), ..complete("encoder") }, "there is no folder no/such"),
        (PlanSource { embeddings: Some("x.vec".into()), ..complete("encoder") }, "embeddings: a pretrained model"),
    ] {
        let problem = problem(&source);
        assert!(problem.contains(expected), "{problem}");
    }
    let mut source = complete("encoder");
    source.set.push("model.layers.1.rate=2".to_owned());
    let problem = load_plan(&source).unwrap_err().to_string();
    assert!(problem.starts_with("model.layers[1]: a dropout rate of 2"), "{problem}");
    let mut source = complete("encoder");
    source.pretrained = Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/pretrained/gpt2"));
    source.set.push("model.layers.0.kind=first".to_owned());
    let problem = load_plan(&source).unwrap_err().to_string();
    assert!(problem.contains("model.layers[0].kind: the first state"), "{problem}");
}
