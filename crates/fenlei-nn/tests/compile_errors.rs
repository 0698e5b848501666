//! Descriptions that make no sense are refused, with the place, what is wrong, and how to mend it.

use fenlei_nn::compile::CompileError;
use fenlei_nn::net::{Net, NetSizes};
use fenlei_nn::spec::NetSpec;
use serde_json::{Value as Json, json};

const SIZES: NetSizes = NetSizes { vocab_size: 12, n_labels: 3, multi_label: false };

fn error(spec: Json, sizes: NetSizes) -> CompileError {
    let spec: NetSpec = serde_json::from_value(spec).unwrap();
    Net::<f32>::zeros(&spec, sizes).map(|_| ()).expect_err(&format!("{spec:?}"))
}

/// Asserts how `layers` are refused.
fn refused(layers: Json, place: &str, problem: &str, help: &str) {
    let error = error(json!({ "layers": layers }), SIZES);
    assert_eq!((&*error.place, &*error.problem, &*error.help), (place, problem, help), "{layers}");
    assert_eq!(error.to_string(), format!("{place}: {problem} (help: {help})"));
}

fn embedding() -> Json {
    json!({"type": "embedding", "dim": 5})
}

fn global_max() -> Json {
    json!({"type": "global-pool"})
}

fn conv(widths: &[usize], filters: usize) -> Json {
    json!({"type": "conv", "widths": widths, "filters": filters})
}

#[test]
fn layers_that_do_not_end_with_a_row_a_document() {
    refused(
        json!([]),
        "layers",
        "there are no layers",
        "begin with { type = \"embedding\", dim = 128 } and end with { type = \"global-pool\" }",
    );
    for layers in [json!([embedding()]), json!([embedding(), conv(&[3], 4), {"type": "dense", "units": 2}])] {
        refused(
            layers,
            "layers",
            "the layers end with a row for each position, but a document needs one row",
            "end them with { type = \"global-pool\" }, and dense layers behind it if you like",
        );
    }
}

#[test]
fn layers_that_cannot_read_what_is_in_front_of_them() {
    let needs_numbers = "this layer needs numbers, but the net begins with token ids";
    let help = "put { type = \"embedding\", dim = … } or { type = \"one-hot-conv\", … } first";
    for first in [
        json!({"type": "dense", "units": 2}),
        json!({"type": "dropout", "rate": 0.5}),
        json!({"type": "layer-norm"}),
        json!({"type": "residual", "layers": []}),
        conv(&[3], 4),
        global_max(),
    ] {
        refused(json!([first]), "layers[0]", needs_numbers, help);
    }
    let help = "put it first, or first in a branch";
    let problem = "embedding reads token ids, but the layer before it gives numbers";
    refused(json!([embedding(), embedding()]), "layers[1]", problem, help);
    refused(json!([embedding(), global_max(), embedding()]), "layers[2]", problem, help);
    let problem = "one-hot-conv reads token ids, but the layer before it gives numbers";
    let one_hot = json!({"type": "one-hot-conv", "width": 3, "filters": 4});
    refused(
        json!([embedding(), {"type": "branches", "branches": [[one_hot]]}]),
        "layers[1].branches[0][0]",
        problem,
        help,
    );
}

#[test]
fn sizes_outside_their_range() {
    let strided = json!({"type": "conv", "widths": [3], "filters": 4, "stride": 0});
    let behind_conv = |layer: Json| json!([embedding(), conv(&[3], 4), layer]);
    let deep = json!({"type": "residual", "layers": [conv(&[0], 5)]});
    let cases = [
        (json!([{"type": "embedding", "dim": 0}]), "layers[0]", "dim", 0),
        (json!([{"type": "embedding", "dim": 1_048_577}]), "layers[0]", "dim", 1_048_577),
        (json!([{"type": "one-hot-conv", "width": 0, "filters": 4}]), "layers[0]", "width", 0),
        (json!([{"type": "one-hot-conv", "width": 3, "filters": 0}]), "layers[0]", "filters", 0),
        (json!([embedding(), conv(&[3, 0], 4)]), "layers[1]", "width", 0),
        (json!([embedding(), conv(&[3], 0)]), "layers[1]", "filters", 0),
        (json!([embedding(), strided]), "layers[1]", "stride", 0),
        (behind_conv(conv(&[3], usize::MAX)), "layers[2]", "filters", usize::MAX),
        (behind_conv(json!({"type": "pool", "size": 0})), "layers[2]", "size", 0),
        (behind_conv(json!({"type": "pool", "size": usize::MAX})), "layers[2]", "size", usize::MAX),
        (behind_conv(json!({"type": "pool", "size": 2, "stride": 0})), "layers[2]", "stride", 0),
        (behind_conv(json!({"type": "pool", "kind": "average", "size": 0})), "layers[2]", "size", 0),
        (behind_conv(json!({"type": "global-pool", "kind": "k-max", "k": 0})), "layers[2]", "k", 0),
        (behind_conv(json!({"type": "dense", "units": 0})), "layers[2]", "units", 0),
        (json!([embedding(), deep]), "layers[1].layers[0]", "width", 0),
    ];
    for (layers, place, field, found) in cases {
        let problem = format!("{field} is {found}, expected 1 to 1048576");
        refused(layers, place, &problem, &format!("choose another {field}"));
    }
    let no_widths = "give at least one, such as widths = [3]";
    refused(json!([embedding(), conv(&[], 4)]), "layers[1]", "widths is empty", no_widths);
    refused(json!([embedding(), global_max(), conv(&[], 4)]), "layers[2]", "widths is empty", no_widths);
}

#[test]
fn rates_and_bounds_outside_their_range() {
    let help = "choose for example 0.5";
    for rate in [-0.1, 1.0] {
        let problem = format!("a dropout rate of {rate}, expected 0 or more and below 1");
        for spatial in [false, true] {
            let dropout = json!({"type": "dropout", "rate": rate, "spatial": spatial});
            refused(json!([embedding(), dropout, global_max()]), "layers[1]", &problem, help);
            refused(json!([embedding(), global_max(), dropout]), "layers[2]", &problem, help);
        }
        let error = error(json!({"layers": [embedding(), global_max()], "word_dropout": rate}), SIZES);
        assert_eq!((&*error.place, error.problem, &*error.help), ("word_dropout", problem, help));
    }
    let init = json!({"type": "embedding", "dim": 5, "init": -0.5});
    let problem = "init is -0.5, expected a number from 0 up";
    refused(json!([init, global_max()]), "layers[0]", problem, "choose for example 0.05");
}

#[test]
fn several_widths_without_a_common_number_of_positions() {
    let problem = "filters of several widths stand on different numbers of positions";
    let help = "use padding = \"same\", or put the convolution between an embedding and a global maximum";
    for padding in ["valid", "full"] {
        let several = json!({"type": "conv", "widths": [2, 3], "filters": 4, "padding": padding});
        let average = json!({"type": "global-pool", "kind": "average"});
        refused(json!([embedding(), several, average]), "layers[1]", problem, help);
        refused(json!([embedding(), several, {"type": "pool", "size": 2}, global_max()]), "layers[1]", problem, help);
        refused(json!([embedding(), conv(&[3], 4), several, global_max()]), "layers[2]", problem, help);
    }
}

#[test]
fn k_max_pooling_over_windows() {
    let pool = json!({"type": "pool", "kind": "k-max", "size": 3});
    let problem = "k-max pooling is global";
    refused(json!([embedding(), pool, global_max()]), "layers[1]", problem, "use type = \"global-pool\"");
}

#[test]
fn a_residual_that_changes_the_width_or_the_number_of_rows() {
    let problem = "the layers turn rows of 5 into something else, so they cannot be added to them";
    let help = "keep the number of filters, padding = \"same\" and stride 1, without pooling";
    let wider = json!({"type": "conv", "widths": [3], "filters": 6, "padding": "same"});
    let shorter = json!({"type": "conv", "widths": [3], "filters": 5, "padding": "valid"});
    let longer = json!({"type": "conv", "widths": [3], "filters": 5, "padding": "full"});
    let strided = json!({"type": "conv", "widths": [3], "filters": 5, "padding": "same", "stride": 2});
    let pool = json!({"type": "pool", "size": 3, "stride": 1});
    for inner in [wider, shorter, longer, strided, pool, global_max()] {
        let residual = json!({"type": "residual", "layers": [inner]});
        refused(json!([embedding(), residual, global_max()]), "layers[1]", problem, help);
        let branches = json!({"type": "branches", "branches": [[global_max()], [residual, global_max()]]});
        refused(json!([embedding(), branches]), "layers[1].branches[1][0]", problem, help);
    }
}

#[test]
fn branches_that_do_not_fit_together() {
    let branches = |branches: Json| json!({"type": "branches", "branches": branches});
    let help = "list the layers of each branch";
    refused(json!([embedding(), branches(json!([]))]), "layers[1]", "there are no branches", help);
    let (place, help) = ("layers[0].branches[1]", "give it at least an embedding");
    refused(json!([branches(json!([[embedding()], []]))]), place, "the branch makes no numbers", help);
    refused(
        json!([embedding(), branches(json!([[global_max()], [conv(&[3], 4)]]))]),
        "layers[1].branches[1]",
        "one branch gives a row a document, another a row a position",
        "end every branch with the same kind of pooling",
    );
    refused(
        json!([embedding(), branches(json!([[conv(&[2], 4)], [conv(&[3], 4)]])), global_max()]),
        "layers[1]",
        "branch 2 gives 1 rows for a document of 3 tokens, the first branch gives 2; end both with a global pooling, or \
         give their convolutions the padding \"same\" and equal strides",
        "give the branches the same padding, stride and pooling",
    );
}

#[test]
fn heads_that_do_not_fit_the_labels() {
    let spec = |head: &str| json!({"head": head, "layers": [embedding(), global_max()]});
    let found = error(spec("binary"), SIZES);
    let problem = "a binary head needs exactly two labels, one a document; there are 3";
    assert_eq!((&*found.place, &*found.problem, &*found.help), ("head", problem, "use head = \"auto\""));
    let found = error(spec("binary"), NetSizes { n_labels: 2, multi_label: true, ..SIZES });
    assert_eq!((&*found.place, &*found.help), ("head", "use head = \"auto\""));
    let found = error(spec("softmax"), NetSizes { multi_label: true, ..SIZES });
    let problem = "a softmax gives one label a document, but documents here have several";
    assert_eq!((&*found.place, &*found.problem), ("head", problem));
    assert_eq!(found.help, "use head = \"sigmoid\" or \"auto\"");
}

#[test]
fn nothing_to_learn_from() {
    let spec = json!({"layers": [{"type": "branches", "branches": [[embedding(), global_max()]]}]});
    let help = "train on documents that have labels and words";
    let found = error(spec.clone(), NetSizes { vocab_size: 0, ..SIZES });
    let problem = "vocab_size is 0, expected at least 1";
    assert_eq!((&*found.place, &*found.problem, &*found.help), ("vocab_size", problem, help));
    let found = error(spec, NetSizes { n_labels: 0, ..SIZES });
    assert_eq!((&*found.place, &*found.problem), ("n_labels", "n_labels is 0, expected at least 1"));
}

#[test]
fn transformers_that_make_no_sense() {
    let cases = [
        (json!({"layers": 0, "heads": 1}), "layers is 0, expected 1 to 1024", "choose for example layers = 2"),
        (
            json!({"layers": 1, "heads": 2}),
            "rows of 5 numbers cannot be divided among 2 heads",
            "choose heads that divide the width of a row, or give head-dim",
        ),
        (
            json!({"layers": 1, "heads": 3, "kv-heads": 2, "head-dim": 2}),
            "3 heads cannot be divided among 2 heads of keys",
            "choose kv-heads that divides heads",
        ),
        (
            json!({"layers": 1, "heads": 1, "rotary": 10000.0}),
            "rotary turns pairs of numbers, but a head has 5",
            "choose an even head-dim",
        ),
        (
            json!({"layers": 1, "heads": 1, "rotary": 0.5}),
            "rotary is 0.5, expected a number above 1",
            "choose for example 10000",
        ),
        (
            json!({"layers": 1, "heads": 1, "global-every": 3}),
            "global-every without window",
            "give a window, such as window = 64, or leave it out",
        ),
        (
            json!({"layers": 1, "heads": 1, "window": 4, "global-every": 0}),
            "global-every is 0, expected at least 1",
            "choose for example 3",
        ),
        (
            json!({"layers": 1, "heads": 1, "epsilon": 0.0}),
            "epsilon is 0, expected a number above 0 and below 1",
            "choose for example 1e-5",
        ),
        (
            json!({"layers": 1, "heads": 1, "attention-dropout": 1.0}),
            "a dropout rate of 1, expected 0 or more and below 1",
            "choose for example 0.5",
        ),
        (
            json!({"layers": 1, "heads": 1, "lora": {"rank": 2, "alpha": 0.0}}),
            "lora.alpha is 0, expected a number above 0",
            "choose for example 16",
        ),
        (
            json!({"layers": 1, "heads": 524288, "head-dim": 2}),
            "queries, keys and values of a row are 3145728 numbers, at most 1048576",
            "choose fewer heads or a smaller head-dim",
        ),
    ];
    for (mut layer, problem, help) in cases {
        layer["type"] = json!("transformer");
        refused(json!([embedding(), layer, global_max()]), "layers[1]", problem, help);
    }
    let unknown = json!({"layers": [{"type": "transformer", "layers": 1, "heads": 1, "kv_heads": 1}]});
    assert!(serde_json::from_value::<NetSpec>(unknown).unwrap_err().to_string().contains("kv_heads"));
}

#[test]
fn further_layers_over_sequences_that_make_no_sense() {
    let at = |layer: Json, problem: &str, help: &str| {
        refused(json!([embedding(), layer, global_max()]), "layers[1]", problem, help);
    };
    at(json!({"type": "lstm", "units": 0}), "units is 0, expected 1 to 1048576", "choose another units");
    at(json!({"type": "gru", "units": 0}), "units is 0, expected 1 to 1048576", "choose another units");
    at(json!({"type": "positions", "max": 0}), "max is 0, expected 1 to 1048576", "choose another max");
    let problem = "epsilon is -1, expected a number above 0 and below 1";
    at(json!({"type": "layer-norm", "epsilon": -1.0}), problem, "choose for example 1e-5");
    at(json!({"type": "rms-norm", "epsilon": -1.0}), problem, "choose for example 1e-5");
    for kind in ["first", "last", "attention"] {
        let problem = format!("{kind} pooling is global");
        at(json!({"type": "pool", "kind": kind, "size": 2}), &problem, "use type = \"global-pool\"");
    }
}
