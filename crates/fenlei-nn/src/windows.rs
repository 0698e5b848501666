//! Long documents in windows: layers in which rows look at each other see one window at a time, those behind them all.
//!
//! Rows do not move. Only where documents start is said otherwise between the first layer and the last that attends.

use crate::compile::CompileError;
use crate::layers::Layer;
use crate::scalar::Scalar;
use crate::spec::{LayerSpec, NetSpec};

/// Which layers of a net see windows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows {
    /// Rows of a window; the last of a document may have fewer.
    n_rows: usize,
    /// The last layer that sees them.
    last: usize,
}

impl Windows {
    /// What the description asks for.
    ///
    /// # Errors
    /// When a layer before the last one that attends makes other rows than one for each token.
    pub fn of<T: Scalar>(spec: &NetSpec, layers: &[Box<dyn Layer<T>>]) -> Result<Option<Self>, CompileError> {
        let Some(n_rows) = spec.window else { return Ok(None) };
        let wrong = |problem: &str| {
            CompileError::new("window", problem, "leave it out: the layers then read a document as a whole")
        };
        if n_rows == 0 {
            return Err(wrong("found 0, expected a number of tokens"));
        }
        let keeps_rows = |layer: &LayerSpec| {
            matches!(
                layer,
                LayerSpec::Embedding { .. }
                    | LayerSpec::Positions { .. }
                    | LayerSpec::Dense { .. }
                    | LayerSpec::Dropout { .. }
                    | LayerSpec::Activation { .. }
                    | LayerSpec::LayerNorm { .. }
                    | LayerSpec::RmsNorm { .. }
                    | LayerSpec::Transformer(_)
            )
        };
        let n_before = spec.layers.iter().rposition(|layer| matches!(layer, LayerSpec::Transformer(_)));
        match (n_before, layers.iter().rposition(|layer| layer.attends())) {
            (Some(before), Some(last)) if spec.layers[..before].iter().all(keeps_rows) => {
                Ok(Some(Self { n_rows, last }))
            }
            (Some(_), Some(_)) => Err(wrong("before a Transformer over windows each token must keep a row of its own")),
            _ => Err(wrong("it is about the layers of a Transformer, and the net has none")),
        }
    }

    /// Changes where documents start in the rows that layer `i` has made.
    pub fn behind(&self, i: usize, starts: &mut Vec<u32>, documents: &mut Vec<u32>) {
        if i == 0 {
            documents.clone_from(starts);
            starts.truncate(1);
            for document in documents.windows(2) {
                starts.extend((document[0]..document[1]).step_by(self.n_rows).skip(1));
                starts.push(document[1]);
            }
        }
        if i == self.last {
            starts.clone_from(documents);
        }
    }

    /// Takes back what was said of the rows of the first layer.
    pub fn join(starts: [&mut Vec<u32>; 2], documents: &[u32]) {
        for starts in starts {
            starts.clear();
            starts.extend_from_slice(documents);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::layers::Pass;
    use crate::net::{Net, NetSizes, Workspace};
    use crate::params::Grads;
    use crate::ragged::Batch;
    use crate::spec::{LayerSpec, NetSpec, PoolKind, TransformerSpec};

    const SIZES: NetSizes = NetSizes { vocab_size: 12, n_labels: 2, multi_label: false };

    fn spec(window: Option<usize>) -> NetSpec {
        let layers = vec![
            serde_json::from_str(r#"{"type": "embedding", "dim": 8}"#).unwrap(),
            serde_json::from_str(r#"{"type": "positions", "max": 4}"#).unwrap(),
            LayerSpec::Transformer(Box::new(TransformerSpec { feed_forward: Some(8), ..TransformerSpec::new(2, 2) })),
            LayerSpec::GlobalPool { kind: PoolKind::Average, k: 1, units: None },
        ];
        NetSpec { layers, window, ..NetSpec::default() }
    }

    #[test]
    fn a_window_is_read_as_a_document_and_documents_are_pooled_as_wholes() {
        let net = Net::<f64>::new(&spec(Some(4)), SIZES, 1).unwrap();
        let long: [u32; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
        let states = |docs: &[&[u32]], n_layers| {
            let mut workspace = Workspace::default();
            let batch = Batch::new(docs.iter().copied(), SIZES.vocab_size);
            net.states(&mut workspace, &batch, n_layers).clone()
        };
        let (whole, parts) = (states(&[&long], 3), states(&[&long[..4], &long[4..8], &long[8..]], 3));
        assert_eq!(whole.data, parts.data);
        assert_eq!((whole.starts, parts.starts), (vec![0, 10], vec![0, 4, 8, 10]));
        let (whole, mean) = (states(&[&long, &[], &long[..2]], 4), states(&[&long[..2]], 4));
        assert_eq!(whole.n_docs(), 3);
        // Products round otherwise for other numbers of rows.
        assert!(whole.row(2).iter().zip(mean.row(0)).all(|(a, b)| (a - b).abs() < 1e-12));
    }

    #[test]
    fn gradients_are_those_of_the_loss() {
        let mut net = Net::<f64>::new(&spec(Some(4)), SIZES, 1).unwrap();
        let batch = Batch::new([&[1u32, 2, 3, 4, 5, 6][..], &[7, 8]], SIZES.vocab_size);
        let d_logits = [0.3, -0.2, 0.5, 0.1];
        let value = |net: &Net<f64>| -> f64 {
            let logits = net.forward(&mut Workspace::default(), &batch, Pass::Trace).data.clone();
            logits.iter().zip(d_logits).map(|(x, d)| x * d).sum()
        };
        let (mut workspace, mut grads) = (Workspace::default(), Grads::default());
        net.forward(&mut workspace, &batch, Pass::Trace);
        net.backward(&mut grads, &mut workspace, &d_logits, &batch);
        let table = net.params.iter().position(|param| param.name.ends_with("embedding.table")).unwrap();
        let id = crate::params::ParamId(table);
        for (place, &row) in grads.get(id).rows.clone().iter().enumerate() {
            for column in 0..8 {
                let (at, step) = (row as usize * 8 + column, 1e-6);
                net.params.data_mut(id)[at] += step;
                let above = value(&net);
                net.params.data_mut(id)[at] -= 2.0 * step;
                let slope = (above - value(&net)) / (2.0 * step);
                net.params.data_mut(id)[at] += step;
                let got = grads.get(id).data[place * 8 + column];
                assert!((got - slope).abs() < 1e-7, "token {row}, {column}: {got}, numerically {slope}");
            }
        }
    }

    #[test]
    fn a_net_without_a_transformer_has_no_windows() {
        let mut spec = spec(Some(4));
        spec.layers.remove(2);
        let error = Net::<f32>::new(&spec, SIZES, 1).unwrap_err();
        assert_eq!((error.place.as_str(), error.problem.contains("has none")), ("window", true));
        spec.window = Some(0);
        assert!(Net::<f32>::new(&spec, SIZES, 1).unwrap_err().problem.contains("found 0"));
    }
}
