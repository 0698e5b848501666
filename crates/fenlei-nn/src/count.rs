//! How many numbers a description asks for, before any memory is taken for them.
//!
//! A model file from anywhere may describe a net of any size; a loader compares this count with what the file holds.

use crate::net::NetSizes;
use crate::spec::{EmbeddingMode, HeadSpec, LayerSpec, NetSpec, PoolKind, PositionKind, TransformerSpec};

/// A lower bound of the numbers of the net's parameters; exact for the weights. Saturates instead of overflowing.
pub fn count_parameters(spec: &NetSpec, sizes: NetSizes) -> u128 {
    let mut counter = Counter { vocab_size: sizes.vocab_size as u128, total: 0 };
    let width = counter.sequence(&spec.layers, 0);
    let n_outputs = match spec.head {
        HeadSpec::Binary => 1,
        HeadSpec::Hierarchical => sizes.n_labels.saturating_sub(1).max(1) as u128,
        HeadSpec::Auto | HeadSpec::Softmax | HeadSpec::Sigmoid => sizes.n_labels as u128,
    };
    counter.add(width.saturating_mul(n_outputs));
    counter.total
}

struct Counter {
    vocab_size: u128,
    total: u128,
}

impl Counter {
    fn add(&mut self, n: u128) {
        self.total = self.total.saturating_add(n);
    }

    /// Adds what the layers ask for; takes and gives the width of a row.
    fn sequence(&mut self, layers: &[LayerSpec], width: u128) -> u128 {
        layers.iter().fold(width, |width, layer| self.layer(layer, width))
    }

    fn layer(&mut self, layer: &LayerSpec, width: u128) -> u128 {
        match layer {
            LayerSpec::Embedding { dim, mode, .. } => {
                let channels = if *mode == EmbeddingMode::Multichannel { 2 } else { 1 };
                let out = (*dim as u128).saturating_mul(channels);
                self.add(out.saturating_mul(self.vocab_size));
                out
            }
            LayerSpec::EmbeddingBag { dim, .. } => {
                self.add((*dim as u128).saturating_mul(self.vocab_size));
                *dim as u128
            }
            LayerSpec::OneHotConv { width: places, filters, .. } => {
                let columns = (*places as u128).saturating_mul(*filters as u128);
                self.add(columns.saturating_mul(self.vocab_size));
                *filters as u128
            }
            LayerSpec::Conv { widths, filters, .. } => {
                let places = widths.iter().fold(0u128, |sum, &w| sum.saturating_add(w as u128));
                self.add(places.saturating_mul(*filters as u128).saturating_mul(width));
                (widths.len() as u128).saturating_mul(*filters as u128)
            }
            LayerSpec::Dense { units, .. } => {
                self.add(width.saturating_mul(*units as u128));
                *units as u128
            }
            LayerSpec::GlobalPool { kind: PoolKind::KMax, k, .. } => width.saturating_mul(*k as u128),
            LayerSpec::GlobalPool { kind: PoolKind::Attention, units, .. } => {
                self.add(units.map_or(width, |units| units as u128).saturating_mul(width));
                width
            }
            LayerSpec::LayerNorm { .. } | LayerSpec::BatchNorm {} => {
                self.add(width.saturating_mul(2));
                width
            }
            LayerSpec::RmsNorm { .. } => {
                self.add(width);
                width
            }
            LayerSpec::Positions { kind: PositionKind::Learned, max } => {
                self.add(width.saturating_mul(*max as u128));
                width
            }
            LayerSpec::Lstm { units, bidirectional } => self.recurrent(width, *units, 4, *bidirectional),
            LayerSpec::Gru { units, bidirectional } => self.recurrent(width, *units, 3, *bidirectional),
            LayerSpec::Transformer(spec) => {
                self.transformer(spec, width);
                width
            }
            LayerSpec::Branches { branches } => {
                branches.iter().fold(0, |sum: u128, branch| sum.saturating_add(self.sequence(branch, width)))
            }
            LayerSpec::Residual { layers } => self.sequence(layers, width),
            LayerSpec::Positions { kind: PositionKind::Sinusoidal, .. }
            | LayerSpec::Pool { .. }
            | LayerSpec::GlobalPool { .. }
            | LayerSpec::Activation { .. }
            | LayerSpec::Dropout { .. } => width,
        }
    }

    /// The two products of a recurrent layer, whose units have so many gates.
    fn recurrent(&mut self, width: u128, units: usize, n_gates: u128, bidirectional: bool) -> u128 {
        let (units, ways) = (units as u128, if bidirectional { 2 } else { 1 });
        self.add(units.saturating_mul(n_gates * ways).saturating_mul(width.saturating_add(units)));
        units.saturating_mul(ways)
    }

    /// The four products of each block.
    fn transformer(&mut self, spec: &TransformerSpec, width: u128) {
        let sizes = spec.sizes(usize::try_from(width).unwrap_or(usize::MAX));
        let attention = (sizes.qkv() as u128).saturating_add(sizes.context() as u128);
        let units = (sizes.feed_forward as u128).saturating_mul(if spec.gated { 3 } else { 2 });
        let block = attention.saturating_add(units).saturating_mul(width);
        self.add(block.saturating_mul(if spec.share { spec.layers.min(1) } else { spec.layers } as u128));
    }
}
