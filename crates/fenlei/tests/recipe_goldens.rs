//! The nets that the engine compares with PyTorch are those of the recipes: the same layers in the same order, with the
//! same filter widths and pooling sizes, only fewer numbers in each and no dropout.

use std::path::Path;

use fenlei_nn::spec::{LayerSpec, NetSpec};
use serde_json::Value as Json;

/// What a recipe's net and its small copy must have in common.
fn outline(layers: &[LayerSpec]) -> Vec<LayerSpec> {
    let mut layers = layers.to_vec();
    for layer in &mut layers {
        match layer {
            LayerSpec::Embedding { dim, .. } | LayerSpec::EmbeddingBag { dim, .. } => *dim = 1,
            LayerSpec::OneHotConv { filters, .. } | LayerSpec::Conv { filters, .. } => *filters = 1,
            LayerSpec::Dense { units, .. } | LayerSpec::Lstm { units, .. } | LayerSpec::Gru { units, .. } => *units = 1,
            LayerSpec::Dropout { rate, .. } => *rate = 0.0,
            LayerSpec::Positions { max, .. } => *max = 1,
            LayerSpec::Transformer(spec) => {
                (spec.heads, spec.feed_forward) = (1, None);
                (spec.dropout, spec.attention_dropout) = (0.0, 0.0);
            }
            LayerSpec::Residual { layers } => *layers = outline(layers),
            LayerSpec::Branches { branches } => branches.iter_mut().for_each(|branch| *branch = outline(branch)),
            LayerSpec::Pool { .. }
            | LayerSpec::GlobalPool { .. }
            | LayerSpec::Activation { .. }
            | LayerSpec::LayerNorm { .. }
            | LayerSpec::RmsNorm { .. }
            | LayerSpec::BatchNorm {} => {}
        }
    }
    layers
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_recipe_with_a_net_has_one_compared_with_pytorch() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut n_nets = 0;
    for file in std::fs::read_dir(root.join("recipes")).unwrap() {
        let path = file.unwrap().path();
        let mut recipe: toml::Table = read(&path).parse().unwrap();
        let Some(toml::Value::Table(mut model)) = recipe.remove("model") else { continue };
        if model.remove("family") != Some("net".into()) {
            continue;
        }
        model.remove("wide");
        model.remove("features");
        let recipe: NetSpec = toml::Value::Table(model).try_into().unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if name.starts_with("encoder") {
            // Its layers stand behind a pretrained model: the states of each family are compared with those of transformers.
            continue;
        }
        let golden = root.join(format!("crates/fenlei-nn/testdata/net-{name}.json"));
        let cases: Vec<Json> = serde_json::from_str(&read(&golden)).unwrap();
        let small: NetSpec = serde_json::from_value(cases[0]["spec"].clone()).unwrap();
        assert_eq!(outline(&small.layers), outline(&recipe.layers), "{name}");
        assert_eq!(small.head, recipe.head, "{name}");
        assert_eq!(small.word_dropout, 0.0, "{name}");
        n_nets += 1;
    }
    assert!(n_nets >= 9, "only {n_nets} recipes with a net were found");
}
