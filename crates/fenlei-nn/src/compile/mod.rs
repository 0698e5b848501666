//! From the description of a net to its layers, on the fast path wherever the description allows it.
//!
//! An embedding followed by a convolution, its activation and a maximum becomes one [`TextConv`]; what stands alone
//! becomes a layer of its own. Both compute the same numbers.

mod check;
mod check_transformer;
mod row_layers;

pub use check::CompileError;
use check::{MAX_SIZE, check_bound, check_conv, check_rate, check_size, several_widths};

use crate::init::{Builder, Init};
use crate::layers::activation::Activation;
use crate::layers::branches::{Branches, probe_rows, probe_tokens};
use crate::layers::dense::Dense;
use crate::layers::dropout::Dropout;
use crate::layers::embedding::Embedding;
use crate::layers::embedding_bag::EmbeddingBag;
use crate::layers::one_hot_conv::OneHotConv;
use crate::layers::one_hot_max::OneHotMax;
use crate::layers::sequential::Sequential;
use crate::layers::text_conv::{Channel, TextConv, TextConvSizes, TextPooling};
use crate::layers::{Cache, Input, Layer, Pass, padding::Padding};
use crate::params::{Params, Role};
use crate::ragged::Rows;
use crate::scalar::Scalar;
use crate::spec::{EmbeddingMode, LayerSpec, NetSpec, PoolKind};

/// What flows from one layer to the next.
#[derive(Debug, Clone, PartialEq)]
enum Flow {
    /// Token ids.
    Tokens,
    /// Token ids with the tables that embed them: the embedding itself waits for what follows.
    Embedded { channels: Vec<Channel>, dropout: f64 },
    /// Rows of numbers, for each position or one for each document.
    Rows { width: usize, per_document: bool },
}

/// Builds the layers of `spec` and the output layer behind them.
///
/// # Errors
/// When a layer cannot read what the one before it gives, or a size or rate makes no sense.
pub fn compile<T: Scalar>(
    spec: &NetSpec,
    vocab_size: usize,
    n_outputs: usize,
    builder: Builder<'_, T>,
) -> Result<Vec<Box<dyn Layer<T>>>, CompileError> {
    check_rate("word_dropout", spec.word_dropout)?;
    let mut compiler = Compiler { builder, vocab_size, n_named: 0 };
    if spec.layers.is_empty() {
        let help = "begin with { type = \"embedding\", dim = 128 } and end with { type = \"global-pool\" }";
        return Err(CompileError::new("layers", "there are no layers", help));
    }
    let (mut layers, flow) = compiler.sequence("layers", &spec.layers, Flow::Tokens)?;
    let width = match flow {
        Flow::Rows { width, per_document: true } => width,
        _ => {
            return Err(CompileError::new(
                "layers",
                "the layers end with a row for each position, but a document needs one row",
                "end them with { type = \"global-pool\" }, and dense layers behind it if you like",
            ));
        }
    };
    layers.push(Box::new(Dense::new(&mut compiler.builder, "output", width, n_outputs)));
    Ok(layers)
}

/// Builds the layers alone, which must give a row of numbers for each token, and tells how wide it is.
///
/// # Errors
/// As [`compile`], and when a document gets one row.
pub fn compile_states<T: Scalar>(
    specs: &[LayerSpec],
    vocab_size: usize,
    builder: Builder<'_, T>,
) -> Result<(Layers<T>, usize), CompileError> {
    let mut compiler = Compiler { builder, vocab_size, n_named: 0 };
    match compiler.sequence("layers", specs, Flow::Tokens)? {
        (layers, Flow::Rows { width, per_document: false }) => Ok((layers, width)),
        _ => Err(CompileError::new(
            "layers",
            "the layers give no row of numbers for each token",
            "begin with an embedding, and leave pooling out",
        )),
    }
}

struct Compiler<'a, T> {
    builder: Builder<'a, T>,
    vocab_size: usize,
    n_named: usize,
}

type Layers<T> = Vec<Box<dyn Layer<T>>>;

impl<T: Scalar> Compiler<'_, T> {
    fn name(&mut self, kind: &str) -> String {
        self.n_named += 1;
        format!("{}.{kind}", self.n_named)
    }

    /// A number that no other layer has, to draw its dropout from.
    fn salt(&mut self) -> u64 {
        self.n_named += 1;
        self.n_named as u64
    }

    fn sequence(&mut self, at: &str, specs: &[LayerSpec], mut flow: Flow) -> Result<(Layers<T>, Flow), CompileError> {
        let mut layers: Layers<T> = Vec::new();
        let mut i = 0;
        while i < specs.len() {
            let place = format!("{at}[{i}]");
            let mut used = self.text_conv(&mut layers, &place, &specs[i..], &mut flow)?;
            if used == 0 {
                used = self.one_hot_max(&mut layers, &place, &specs[i..], &mut flow)?;
            }
            if used > 0 {
                i += used;
                continue;
            }
            self.layer(&mut layers, &place, &specs[i], &mut flow)?;
            i += 1;
        }
        // A sequence that ends with an embedding is a sequence of word vectors.
        if matches!(flow, Flow::Embedded { .. }) {
            self.materialise(&mut layers, &mut flow);
        }
        Ok((layers, flow))
    }

    /// Compiles a convolution over an embedding with what follows it. Returns how many descriptions it used.
    fn text_conv(
        &mut self,
        layers: &mut Layers<T>,
        place: &str,
        specs: &[LayerSpec],
        flow: &mut Flow,
    ) -> Result<usize, CompileError> {
        let Flow::Embedded { channels, dropout } = &*flow else { return Ok(0) };
        let LayerSpec::Conv { widths, filters, stride: 1, padding, activation } = &specs[0] else { return Ok(0) };
        check_conv(place, widths, *filters)?;
        // A pooling of another size becomes a layer of its own, which is refused with its own place.
        let sizes = 1..=MAX_SIZE;
        let (pooling, mut used) = match specs.get(1) {
            Some(LayerSpec::GlobalPool { kind: PoolKind::Max, .. }) if activation.is_monotone() => {
                (TextPooling::GlobalMax, 2)
            }
            Some(&LayerSpec::Pool { kind: PoolKind::Max, size, stride })
                if activation.is_monotone() && sizes.contains(&size) && sizes.contains(&stride.unwrap_or(size)) =>
            {
                (TextPooling::Max { size, stride: stride.unwrap_or(size) }, 2)
            }
            _ => (TextPooling::None, 1),
        };
        if widths.len() > 1 && pooling != TextPooling::GlobalMax && *padding != Padding::Same {
            return Err(several_widths(place));
        }
        // An activation whose derivative needs its input stands behind the convolution as a layer of its own.
        let fused = if activation.is_monotone() { *activation } else { Activation::Linear };
        let sizes = TextConvSizes {
            widths,
            n_filters: *filters,
            padding: *padding,
            pooling,
            activation: fused,
            dropout: *dropout,
        };
        let (channels, activation) = (channels.clone(), *activation);
        let name = self.name("conv");
        let conv = TextConv::new(&mut self.builder, &name, channels, &sizes);
        let width = conv.n_outputs();
        layers.push(Box::new(conv));
        if fused != activation {
            layers.push(Box::new(activation));
            used = 1;
        }
        *flow = Flow::Rows { width, per_document: pooling == TextPooling::GlobalMax };
        Ok(used)
    }

    /// Compiles a one-hot convolution with the maximum behind it. Returns how many descriptions it used.
    fn one_hot_max(
        &mut self,
        layers: &mut Layers<T>,
        place: &str,
        specs: &[LayerSpec],
        flow: &mut Flow,
    ) -> Result<usize, CompileError> {
        let [
            LayerSpec::OneHotConv { width, filters, padding, activation },
            LayerSpec::GlobalPool { kind: PoolKind::Max, .. },
            ..,
        ] = specs
        else {
            return Ok(0);
        };
        if !activation.is_monotone() {
            return Ok(0);
        }
        let conv = self.one_hot_conv(place, flow, *width, *filters, *padding, Role::SparseTable)?;
        layers.push(Box::new(OneHotMax::new(conv, *activation)));
        *flow = Flow::Rows { width: *filters, per_document: true };
        Ok(2)
    }

    fn one_hot_conv(
        &mut self,
        place: &str,
        flow: &Flow,
        width: usize,
        n_filters: usize,
        padding: Padding,
        role: Role,
    ) -> Result<OneHotConv, CompileError> {
        expect_tokens(place, flow, "one-hot-conv")?;
        check_conv(place, &[width], n_filters)?;
        let name = self.name("one-hot-conv");
        Ok(OneHotConv::new(&mut self.builder, &name, self.vocab_size, width, n_filters, padding, role))
    }

    fn materialise(&mut self, layers: &mut Layers<T>, flow: &mut Flow) {
        if let Flow::Embedded { channels, dropout } = flow {
            let width = channels.iter().map(|c| c.dim).sum();
            layers.push(Box::new(Embedding::new(channels.clone())));
            if *dropout > 0.0 {
                layers.push(Box::new(Dropout::new(*dropout, self.salt())));
            }
            *flow = Flow::Rows { width, per_document: false };
        }
    }

    fn layer(
        &mut self,
        layers: &mut Layers<T>,
        place: &str,
        spec: &LayerSpec,
        flow: &mut Flow,
    ) -> Result<(), CompileError> {
        match spec {
            LayerSpec::Embedding { dim, init, mode } => {
                expect_tokens(place, flow, "embedding")?;
                check_size(place, "dim", *dim)?;
                check_bound(place, "init", *init)?;
                let name = self.name("embedding");
                let table = |builder: &mut Builder<'_, T>, name: String| Channel {
                    table: builder.add(name, &[self.vocab_size, *dim], Role::Table, Init::Uniform(*init)),
                    dim: *dim,
                };
                let mut channels = vec![table(&mut self.builder, format!("{name}.table"))];
                if *mode == EmbeddingMode::Multichannel {
                    channels.push(table(&mut self.builder, format!("{name}.static-table")));
                }
                if *mode != EmbeddingMode::Tuned {
                    let frozen = channels[channels.len() - 1].table;
                    self.builder.freeze(frozen);
                }
                *flow = Flow::Embedded { channels, dropout: 0.0 };
                return Ok(());
            }
            LayerSpec::EmbeddingBag { dim, init, bias, activation } => {
                expect_tokens(place, flow, "embedding-bag")?;
                check_size(place, "dim", *dim)?;
                check_bound(place, "init", *init)?;
                let name = self.name("embedding-bag");
                layers.push(Box::new(EmbeddingBag::new(
                    &mut self.builder,
                    &name,
                    [self.vocab_size, *dim],
                    *init,
                    *bias,
                )));
                *flow = Flow::Rows { width: *dim, per_document: true };
                self.activation(layers, *activation);
                return Ok(());
            }
            LayerSpec::OneHotConv { width, filters, padding, activation } => {
                let conv = self.one_hot_conv(place, flow, *width, *filters, *padding, Role::Table)?;
                layers.push(Box::new(conv));
                *flow = Flow::Rows { width: *filters, per_document: false };
                self.activation(layers, *activation);
                return Ok(());
            }
            LayerSpec::Branches { branches } => return self.branches(layers, place, branches, flow),
            LayerSpec::Dropout { rate, spatial: false } => {
                check_rate(place, *rate)?;
                if let Flow::Embedded { dropout, .. } = flow {
                    *dropout = 1.0 - (1.0 - *dropout) * (1.0 - *rate);
                    return Ok(());
                }
            }
            _ => {}
        }
        self.materialise(layers, flow);
        let Flow::Rows { width, per_document } = *flow else {
            return Err(CompileError::new(
                place,
                "this layer needs numbers, but the net begins with token ids",
                "put { type = \"embedding\", dim = … } or { type = \"one-hot-conv\", … } first",
            ));
        };
        self.row_layer(layers, place, spec, flow, width, per_document)
    }

    fn activation(&mut self, layers: &mut Layers<T>, activation: Activation) {
        if activation != Activation::Linear {
            layers.push(Box::new(activation));
        }
    }

    fn branches(
        &mut self,
        layers: &mut Layers<T>,
        place: &str,
        branches: &[Vec<LayerSpec>],
        flow: &mut Flow,
    ) -> Result<(), CompileError> {
        let mut ways: Vec<Box<dyn Layer<T>>> = Vec::new();
        let mut total = 0;
        let mut all_per_document = None;
        for (b, branch) in branches.iter().enumerate() {
            let at = format!("{place}.branches[{b}]");
            let (inner, after) = self.sequence(&at, branch, flow.clone())?;
            let Flow::Rows { width, per_document } = after else {
                return Err(CompileError::new(at, "the branch makes no numbers", "give it at least an embedding"));
            };
            if *all_per_document.get_or_insert(per_document) != per_document {
                return Err(CompileError::new(
                    at,
                    "one branch gives a row a document, another a row a position",
                    "end every branch with the same kind of pooling",
                ));
            }
            total += width;
            ways.push(Box::new(Sequential::new(inner)));
        }
        let Some(per_document) = all_per_document else {
            return Err(CompileError::new(place, "there are no branches", "list the layers of each branch"));
        };
        let ways = match flow {
            Flow::Rows { width, .. } => self.side_by_side(place, ways, Input::Rows(&probe_rows(*width)))?,
            _ => self.side_by_side(place, ways, Input::Tokens(&probe_tokens()))?,
        };
        layers.push(ways);
        *flow = Flow::Rows { width: total, per_document };
        Ok(())
    }

    /// Puts layers side by side, if they give as many rows for every document.
    fn side_by_side(
        &mut self,
        place: &str,
        ways: Vec<Box<dyn Layer<T>>>,
        probe: Input<'_, T>,
    ) -> Result<Box<dyn Layer<T>>, CompileError> {
        match Branches::new(ways, probe, self.builder.params()) {
            Ok(branches) => Ok(Box::new(branches)),
            Err(mismatch) => Err(CompileError::new(
                place,
                mismatch.to_string(),
                "give the branches the same padding, stride and pooling",
            )),
        }
    }
}

fn expect_tokens(place: &str, flow: &Flow, layer: &str) -> Result<(), CompileError> {
    if *flow == Flow::Tokens {
        return Ok(());
    }
    Err(CompileError::new(
        place,
        format!("{layer} reads token ids, but the layer before it gives numbers"),
        "put it first, or first in a branch",
    ))
}

/// Whether a layer gives as many rows as it reads. Windows and poolings that keep these numbers of rows keep all: each
/// step from one to the next would show a stride, and the first ones what a window cuts off or adds.
fn keeps_rows<T: Scalar>(layer: &dyn Layer<T>, width: usize, per_document: bool, params: &Params<T>) -> bool {
    let (mut x, mut y) = (Rows::default(), Rows::default());
    x.resize_documents(1..=if per_document { 1 } else { 5 }, width);
    layer.forward(&mut y, &mut Cache::default(), Input::Rows(&x), params, Pass::Predict);
    x.starts == y.starts
}
