//! Layers that read rows of numbers.

use super::check::{check_conv, check_epsilon, check_rate, check_size, several_widths};
use super::check_transformer::check_transformer;
use super::{CompileError, Compiler, Flow, Layers, keeps_rows};
use crate::layers::attention_pool::AttentionPool;
use crate::layers::batch_norm::BatchNorm;
use crate::layers::branches::probe_rows;
use crate::layers::conv1d::{Conv1d, ConvShape};
use crate::layers::dense::Dense;
use crate::layers::dropout::Dropout;
use crate::layers::global_pool::{GlobalPool, GlobalPooling};
use crate::layers::layer_norm::LayerNorm;
use crate::layers::one_row::OneRow;
use crate::layers::pool::{Pool, Pooling};
use crate::layers::positions::Positions;
use crate::layers::recurrent::{Recurrent, RecurrentKind};
use crate::layers::residual::Residual;
use crate::layers::rms_norm::RmsNorm;
use crate::layers::sequential::Sequential;
use crate::layers::transformer::Transformer;
use crate::layers::{Input, Layer, padding::Padding};
use crate::scalar::Scalar;
use crate::spec::{LayerSpec, PoolKind};

impl<T: Scalar> Compiler<'_, T> {
    /// Compiles a layer that reads rows of `width` numbers, a row for each document or for each position.
    pub(super) fn row_layer(
        &mut self,
        layers: &mut Layers<T>,
        place: &str,
        spec: &LayerSpec,
        flow: &mut Flow,
        width: usize,
        per_document: bool,
    ) -> Result<(), CompileError> {
        let rows = |width| Flow::Rows { width, per_document };
        match spec {
            LayerSpec::Conv { widths, filters, stride, padding, activation } => {
                check_conv(place, widths, *filters)?;
                check_size(place, "stride", *stride)?;
                if widths.len() > 1 && *padding != Padding::Same {
                    return Err(several_widths(place));
                }
                let mut ways: Vec<Box<dyn Layer<T>>> = Vec::new();
                for &filter_width in widths {
                    let name = self.name("conv");
                    let shape = ConvShape {
                        n_in: width,
                        n_filters: *filters,
                        width: filter_width,
                        stride: *stride,
                        padding: *padding,
                    };
                    ways.push(Box::new(Conv1d::new(&mut self.builder, &name, shape)));
                }
                layers.push(match ways.len() {
                    1 => ways.remove(0),
                    _ => self.side_by_side(place, ways, Input::Rows(&probe_rows(width)))?,
                });
                *flow = rows(widths.len() * filters);
                self.activation(layers, *activation);
            }
            LayerSpec::Pool { kind, size, stride } => {
                check_size(place, "size", *size)?;
                let stride = stride.unwrap_or(*size);
                check_size(place, "stride", stride)?;
                let pooling = match kind {
                    PoolKind::Max => Pooling::Max,
                    PoolKind::Average => Pooling::Average,
                    kind => {
                        let problem = format!("{} pooling is global", kind.name());
                        return Err(CompileError::new(place, problem, "use type = \"global-pool\""));
                    }
                };
                layers.push(Box::new(Pool { pooling, size: *size, stride }));
            }
            LayerSpec::GlobalPool { kind, k, units } => {
                check_size(place, "k", *k)?;
                let units = units.unwrap_or(width);
                check_size(place, "units", units)?;
                *flow =
                    Flow::Rows { width: if *kind == PoolKind::KMax { k * width } else { width }, per_document: true };
                layers.push(match kind {
                    PoolKind::Max => Box::new(GlobalPool(GlobalPooling::Max)),
                    PoolKind::Average => Box::new(GlobalPool(GlobalPooling::Average)),
                    PoolKind::KMax => Box::new(GlobalPool(GlobalPooling::KMax { k: *k })),
                    PoolKind::First => Box::new(OneRow::First),
                    PoolKind::Last => Box::new(OneRow::Last),
                    PoolKind::Attention => {
                        let name = self.name("attention-pool");
                        Box::new(AttentionPool::new(&mut self.builder, &name, width, units))
                    }
                });
            }
            LayerSpec::Dense { units, activation } => {
                check_size(place, "units", *units)?;
                let name = self.name("dense");
                layers.push(Box::new(Dense::new(&mut self.builder, &name, width, *units)));
                *flow = rows(*units);
                self.activation(layers, *activation);
            }
            LayerSpec::Activation { kind } => self.activation(layers, *kind),
            LayerSpec::Dropout { rate, spatial } => {
                check_rate(place, *rate)?;
                let salt = self.salt();
                layers.push(Box::new(if *spatial { Dropout::spatial(*rate, salt) } else { Dropout::new(*rate, salt) }));
            }
            LayerSpec::LayerNorm { epsilon } => {
                check_epsilon(place, *epsilon)?;
                let name = self.name("layer-norm");
                layers.push(Box::new(LayerNorm::new(&mut self.builder, &name, width, *epsilon)));
            }
            LayerSpec::RmsNorm { epsilon } => {
                check_epsilon(place, *epsilon)?;
                let name = self.name("rms-norm");
                layers.push(Box::new(RmsNorm::new(&mut self.builder, &name, width, *epsilon)));
            }
            LayerSpec::Positions { kind, max } => {
                check_size(place, "max", *max)?;
                let name = self.name("positions");
                layers.push(Box::new(Positions::new(&mut self.builder, &name, width, *kind, *max)));
            }
            LayerSpec::Lstm { units, bidirectional } => {
                *flow = rows(self.recurrent(layers, place, RecurrentKind::Lstm, width, *units, *bidirectional)?);
            }
            LayerSpec::Gru { units, bidirectional } => {
                *flow = rows(self.recurrent(layers, place, RecurrentKind::Gru, width, *units, *bidirectional)?);
            }
            LayerSpec::Transformer(spec) => {
                check_transformer(place, spec, width)?;
                let name = self.name("transformer");
                let salt = self.n_named as u64;
                layers.push(Box::new(Transformer::new(&mut self.builder, &name, width, spec, salt)));
            }
            LayerSpec::BatchNorm {} => {
                let name = self.name("batch-norm");
                layers.push(Box::new(BatchNorm::new(&mut self.builder, &name, width)));
            }
            LayerSpec::Residual { layers: inner } => {
                let (inner, after) = self.sequence(&format!("{place}.layers"), inner, flow.clone())?;
                let inner = Sequential::new(inner);
                if after != *flow || !keeps_rows(&inner, width, per_document, self.builder.params()) {
                    return Err(CompileError::new(
                        place,
                        format!("the layers turn rows of {width} into something else, so they cannot be added to them"),
                        "keep the number of filters, padding = \"same\" and stride 1, without pooling",
                    ));
                }
                layers.push(Box::new(Residual::new(Box::new(inner))));
            }
            LayerSpec::Embedding { .. }
            | LayerSpec::EmbeddingBag { .. }
            | LayerSpec::OneHotConv { .. }
            | LayerSpec::Branches { .. } => {
                unreachable!("handled by the caller")
            }
        }
        Ok(())
    }

    /// Returns the width of a row behind it.
    fn recurrent(
        &mut self,
        layers: &mut Layers<T>,
        place: &str,
        kind: RecurrentKind,
        width: usize,
        units: usize,
        bidirectional: bool,
    ) -> Result<usize, CompileError> {
        check_size(place, "units", units)?;
        let name = self.name(match kind {
            RecurrentKind::Lstm => "lstm",
            RecurrentKind::Gru => "gru",
        });
        layers.push(Box::new(Recurrent::new(&mut self.builder, &name, kind, width, units, bidirectional)));
        Ok(if bidirectional { 2 * units } else { units })
    }
}
