//! The contract that every layer keeps, checked by one function. A new layer needs one line in `contract!`.

use fenlei_nn::init::{Builder, Init};
use fenlei_nn::kernels::tiles::{Unit, unit};
use fenlei_nn::layers::embedding::Embedding;
use fenlei_nn::layers::embedding_bag::EmbeddingBag;
use fenlei_nn::layers::one_hot_conv::OneHotConv;
use fenlei_nn::layers::one_hot_max::OneHotMax;
use fenlei_nn::layers::text_conv::{Channel, TextConv, TextConvSizes, TextPooling};
use fenlei_nn::layers::*;
use fenlei_nn::params::{Grads, Params, Role};
use fenlei_nn::ragged::Document;
use fenlei_nn::spec::{LoraPlace, LoraSpec, NormKind, NormPlace, PositionKind, TransformerSpec};
use fenlei_nn::{Batch, Rows, Scalar, rng};

/// What the layers under test read.
#[derive(Clone, Copy)]
enum Reads {
    /// Token ids below this number.
    Tokens(usize),
    /// The same, each with what it counts.
    Weighted(usize),
    /// Rows of this width.
    Rows(usize),
}

/// Documents long, short, of one token and empty, first, last and in between.
const LENS: [usize; 9] = [0, 7, 1, 12, 0, 2, 5, 3, 0];
const TRAIN: Pass = Pass::Train { seed: 11 };

/// A batch for a layer: one of the two is what it reads.
struct Data<T> {
    tokens: Batch,
    rows: Option<Rows<T>>,
}

impl<T: Scalar> Data<T> {
    fn new(reads: Reads, docs: &[usize]) -> Self {
        let of = |doc_idx: usize, i: usize| (doc_idx * 1000 + i) as u64;
        match reads {
            Reads::Tokens(vocab_size) | Reads::Weighted(vocab_size) => {
                let ids =
                    |&d: &usize| (0..LENS[d]).map(|i| (rng::bits(5, of(d, i)) % vocab_size as u64) as u32).collect();
                let values = |&d: &usize| (0..LENS[d]).map(|i| rng::normal(6, of(d, i)) as f32).collect();
                let ids: Vec<Vec<u32>> = docs.iter().map(ids).collect();
                let values: Vec<Vec<f32>> = docs.iter().map(values).collect();
                let document = |(ids, values)| match reads {
                    Reads::Weighted(_) => Document { ids, values },
                    _ => Document { ids, values: &[] },
                };
                let documents = ids.iter().map(Vec::as_slice).zip(values.iter().map(Vec::as_slice)).map(document);
                Self { tokens: Batch::new(documents, vocab_size), rows: None }
            }
            Reads::Rows(width) => {
                let mut rows = Rows::default();
                rows.resize_documents(docs.iter().map(|&d| LENS[d]), width);
                for (place, &d) in docs.iter().enumerate() {
                    for (i, x) in rows.doc_data_mut(place).iter_mut().enumerate() {
                        *x = T::from_f64(rng::normal(3, of(d, i)));
                    }
                }
                Self { tokens: Batch::default(), rows: Some(rows) }
            }
        }
    }

    fn all(reads: Reads) -> Self {
        Self::new(reads, &std::array::from_fn::<usize, { LENS.len() }, _>(|d| d))
    }

    fn input(&self) -> Input<'_, T> {
        self.rows.as_ref().map_or(Input::Tokens(&self.tokens), Input::Rows)
    }

    fn n_docs(&self) -> usize {
        self.rows.as_ref().map_or(self.tokens.n_docs(), Rows::n_docs)
    }
}

/// Everything a pass forth and back gives.
#[derive(Debug, Clone, PartialEq)]
struct Outcome<T> {
    y: Rows<T>,
    dx: Rows<T>,
    grads: Grads<T>,
}

/// The weights of the outputs in the loss whose gradient is checked. The same for a document alone and in a batch.
fn loss_weight(doc_idx: usize, i: usize) -> f64 {
    rng::normal(17, (doc_idx * 100_000 + i) as u64)
}

fn run<T: Scalar>(
    layer: &dyn Layer<T>,
    cache: &mut Cache<T>,
    data: &Data<T>,
    docs: &[usize],
    params: &Params<T>,
    pass: Pass,
) -> Outcome<T> {
    let (mut y, mut dx, mut grads) = (Rows::default(), Rows::default(), Grads::default());
    layer.forward(&mut y, cache, data.input(), params, pass);
    let mut dy = y.clone();
    for (place, &d) in docs.iter().enumerate() {
        for (i, dy) in dy.doc_data_mut(place).iter_mut().enumerate() {
            *dy = T::from_f64(loss_weight(d, i));
        }
    }
    grads.reset(params, &data.tokens.distinct);
    let d_input = data.rows.is_some().then_some(&mut dx);
    layer.backward(d_input, &mut grads, cache, &dy, &y, data.input(), params);
    Outcome { y, dx, grads }
}

const ALL_DOCS: [usize; LENS.len()] = [0, 1, 2, 3, 4, 5, 6, 7, 8];

fn loss(layer: &dyn Layer<f64>, data: &Data<f64>, params: &Params<f64>, pass: Pass) -> f64 {
    let mut y = Rows::default();
    layer.forward(&mut y, &mut Cache::default(), data.input(), params, pass);
    let doc_loss = |d: usize| y.doc_data(d).iter().enumerate().map(|(i, &y)| loss_weight(d, i) * y).sum::<f64>();
    (0..y.n_docs()).map(doc_loss).sum()
}

/// Moves every parameter away from round values such as zero, where a slope may jump.
fn perturb<T: Scalar>(params: &mut Params<T>) {
    for (p, param) in params.iter_mut().enumerate() {
        for (i, x) in param.data.iter_mut().enumerate() {
            let noise = rng::normal(23 + p as u64, i as u64);
            // Running variances stay positive; a statistic of zero may stand for one that is not known yet.
            let statistic = if *x == T::ZERO { 0.0 } else { 0.1 * noise.abs() };
            *x = T::from_f64(x.to_f64() + if param.trainable { 0.3 * noise } else { statistic });
        }
    }
}

fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    let scale = found.abs().max(expected.abs()).max(1.0);
    assert!((found - expected).abs() <= tolerance * scale, "{what}: {found} and {expected}");
}

fn check_shapes(name: &str, outcome: &Outcome<f64>, data: &Data<f64>, params: &Params<f64>) {
    let y = &outcome.y;
    assert_eq!(y.n_docs(), data.n_docs(), "{name}: documents");
    assert_eq!(y.data.len(), y.n_rows() * y.width, "{name}: numbers");
    assert!(y.starts.is_sorted() && y.starts[0] == 0, "{name}: bounds");
    if let Some(x) = &data.rows {
        assert_eq!((&outcome.dx.starts, outcome.dx.width), (&x.starts, x.width), "{name}: dx");
        assert_eq!(outcome.dx.data.len(), x.data.len(), "{name}: dx numbers");
    }
    for (grad, param) in outcome.grads.iter().zip(params.iter()) {
        let n_rows = if grad.rows.is_empty() { param.shape[0] } else { grad.rows.len() };
        let expected = if param.trainable { n_rows * param.row_len() } else { 0 };
        assert_eq!(grad.data.len(), expected, "{name}: gradient of {}", param.name);
    }
}

/// Compares every gradient with central differences.
fn check_gradients(name: &str, layer: &dyn Layer<f64>, reads: Reads, params: &Params<f64>, pass: Pass) {
    const STEP: f64 = 1e-5;
    let mut data = Data::all(reads);
    let outcome = run(layer, &mut Cache::default(), &data, &ALL_DOCS, params, pass);
    check_shapes(name, &outcome, &data, params);
    for i in 0..data.rows.as_ref().map_or(0, |rows| rows.data.len()) {
        let mut at = |offset: f64| {
            data.rows.as_mut().unwrap().data[i] += offset;
            let loss = loss(layer, &data, params, pass);
            data.rows.as_mut().unwrap().data[i] -= offset;
            loss
        };
        let numeric = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        assert_close(outcome.dx.data[i], numeric, 1e-6, &format!("{name}, {pass:?}: dx[{i}]"));
    }
    let mut moved = params.clone();
    for (p, (grad, param)) in outcome.grads.iter().zip(params.iter()).enumerate().filter(|(_, (_, p))| p.trainable) {
        let id = fenlei_nn::params::ParamId(p);
        for i in 0..grad.data.len() {
            // The gradient of a table lists the rows of the batch only.
            let place = match grad.rows.get(i / param.row_len()) {
                Some(&row) => row as usize * param.row_len() + i % param.row_len(),
                None => i,
            };
            let mut at = |offset: f64| {
                moved.data_mut(id)[place] = param.data[place] + offset;
                loss(layer, &data, &moved, pass)
            };
            let numeric = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            moved.data_mut(id)[place] = param.data[place];
            assert_close(grad.data[i], numeric, 1e-6, &format!("{name}, {pass:?}: {}[{place}]", param.name));
        }
    }
}

/// A pass that remembers nothing gives the same outputs, in a used cache too.
fn check_prediction(name: &str, layer: &dyn Layer<f64>, reads: Reads, params: &Params<f64>) {
    let data = Data::all(reads);
    let traced = run(layer, &mut Cache::default(), &data, &ALL_DOCS, params, Pass::Trace);
    let (mut y, mut cache) = (Rows::default(), Cache::default());
    for pass in [Pass::Predict, TRAIN, Pass::Predict] {
        layer.forward(&mut y, &mut cache, data.input(), params, pass);
        assert!(pass == TRAIN || y == traced.y, "{name}: a prediction differs");
    }
}

/// Without the statistics of a batch, documents do not influence each other.
fn check_alone_equals_batched(name: &str, layer: &dyn Layer<f64>, reads: Reads, params: &Params<f64>) {
    let batched = run(layer, &mut Cache::default(), &Data::all(reads), &ALL_DOCS, params, Pass::Trace);
    for d in ALL_DOCS {
        let data = Data::new(reads, &[d]);
        let alone = run(layer, &mut Cache::default(), &data, &[d], params, Pass::Trace);
        assert_eq!(alone.y.doc_data(0).len(), batched.y.doc_data(d).len(), "{name}: document {d}");
        for (a, b) in alone.y.doc_data(0).iter().zip(batched.y.doc_data(d)) {
            assert_close(*a, *b, 1e-13, &format!("{name}: document {d} alone and batched"));
        }
        for (a, b) in alone.dx.data.iter().zip(if data.rows.is_some() { batched.dx.doc_data(d) } else { &[] }) {
            assert_close(*a, *b, 1e-13, &format!("{name}: gradient of document {d} alone and batched"));
        }
    }
}

/// A batch large enough that kernels divide their work.
fn check_threads(name: &str, layer: &dyn Layer<f32>, reads: Reads, params: &Params<f32>) {
    let docs: Vec<usize> = (0..2000).map(|i| (i * 7 + i / 9) % LENS.len()).collect();
    let data = Data::new(reads, &docs);
    let with = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| run(layer, &mut Cache::default(), &data, &docs, params, TRAIN))
    };
    let one = with(1);
    for n_threads in [2, 3, 8] {
        assert!(one == with(n_threads), "{name}: {n_threads} threads give other bits than one");
    }
}

/// What a cache holds from other batches and passes must not matter.
fn check_cache_reuse(name: &str, layer: &dyn Layer<f64>, reads: Reads, params: &Params<f64>) {
    let data = Data::all(reads);
    let mut used = Cache::default();
    let other_docs = [3, 1, 3, 6, 0, 2];
    for pass in [TRAIN, Pass::Trace, TRAIN] {
        run(layer, &mut used, &Data::new(reads, &other_docs), &other_docs, params, pass);
        run(layer, &mut used, &Data::new(reads, &[]), &[], params, pass);
        let fresh = run(layer, &mut Cache::default(), &data, &ALL_DOCS, params, pass);
        assert!(fresh == run(layer, &mut used, &data, &ALL_DOCS, params, pass), "{name}: a used cache, {pass:?}");
    }
}

/// Where every buffer of a cache lies: the memory of the steady state.
fn memory(cache: &Cache<f64>, out: &mut Vec<(usize, usize)>) {
    out.extend([&cache.mask, &cache.work, &cache.work2, &cache.work3].map(|v| (v.as_ptr() as usize, v.capacity())));
    out.extend([&cache.starts, &cache.winners].map(|v| (v.as_ptr() as usize, v.capacity())));
    out.extend(cache.outputs.iter().chain(&cache.d_outputs).map(|r| (r.data.as_ptr() as usize, r.data.capacity())));
    cache.inner.iter().for_each(|inner| memory(inner, out));
}

/// Steps of one size work in the memory of the first.
fn check_memory_is_kept(name: &str, layer: &dyn Layer<f64>, reads: Reads, params: &Params<f64>) {
    let data = Data::all(reads);
    let (mut y, mut dx, mut grads) = (Rows::default(), Rows::default(), Grads::default());
    let mut cache = Cache::default();
    let mut step = || {
        layer.forward(&mut y, &mut cache, data.input(), params, TRAIN);
        let dy = y.clone();
        grads.reset(params, &data.tokens.distinct);
        let d_input = data.rows.is_some().then_some(&mut dx);
        layer.backward(d_input, &mut grads, &mut cache, &dy, &y, data.input(), params);
        let mut places = vec![(y.data.as_ptr() as usize, y.data.capacity())];
        places.push((dx.data.as_ptr() as usize, dx.data.capacity()));
        memory(&cache, &mut places);
        places
    };
    let first = step();
    assert_eq!(first, step(), "{name}: the second step takes new memory");
}

fn check_f32(name: &str, f32s: &dyn Layer<f32>, params32: &Params<f32>, f64s: &dyn Layer<f64>, reads: Reads) {
    let mut params = Params::<f64>::default();
    for p in params32.iter() {
        let id = params.add(p.name.clone(), &p.shape, p.role, |i| p.data[i] as f64);
        params.get_mut(id).trainable = p.trainable;
    }
    let narrow = run(f32s, &mut Cache::default(), &Data::all(reads), &ALL_DOCS, params32, TRAIN);
    let wide = run(f64s, &mut Cache::default(), &Data::all(reads), &ALL_DOCS, &params, TRAIN);
    let pairs = [(&narrow.y.data, &wide.y.data), (&narrow.dx.data, &wide.dx.data)];
    let grads = narrow.grads.iter().zip(wide.grads.iter()).map(|(n, w)| (&n.data, &w.data));
    // Training may multiply with 8 bits.
    let tolerance = if unit() == Some(Unit::Dots) { 1e-2 } else { 1e-4 };
    for (narrow, wide) in pairs.into_iter().chain(grads) {
        assert_eq!(narrow.len(), wide.len());
        for (n, w) in narrow.iter().zip(wide) {
            assert_close(*n as f64, *w, tolerance, &format!("{name}: f32 and f64"));
        }
    }
}

/// Makes a test of the whole contract: a name, what the layer reads, and how it is built from a `&mut Builder<_>`.
macro_rules! contract {
    ($($name:ident: $reads:expr, |$builder:ident| $layer:expr;)*) => {$(
        #[test]
        fn $name() {
            let name = stringify!($name);
            let reads: Reads = $reads;
            let mut params64 = Params::<f64>::default();
            let layer64: Box<dyn Layer<f64>> = {
                let $builder = &mut Builder::new(&mut params64, 7);
                Box::new($layer)
            };
            perturb(&mut params64);
            let mut params32 = Params::<f32>::default();
            let layer32: Box<dyn Layer<f32>> = {
                let $builder = &mut Builder::new(&mut params32, 7);
                Box::new($layer)
            };
            perturb(&mut params32);
            for pass in [TRAIN, Pass::Trace] {
                check_gradients(name, &*layer64, reads, &params64, pass);
            }
            check_prediction(name, &*layer64, reads, &params64);
            check_alone_equals_batched(name, &*layer64, reads, &params64);
            check_cache_reuse(name, &*layer64, reads, &params64);
            check_memory_is_kept(name, &*layer64, reads, &params64);
            check_threads(name, &*layer32, reads, &params32);
            check_f32(name, &*layer32, &params32, &*layer64, reads);
        }
    )*};
}

fn conv(width: usize, stride: usize, padding: Padding) -> ConvShape {
    ConvShape { n_in: 4, n_filters: 4, width, stride, padding }
}

/// Tokens below this number.
const VOCAB_SIZE: usize = 6;

fn channel<T: Scalar>(b: &mut Builder<'_, T>, name: &str, dim: usize) -> Channel {
    Channel { table: b.add(name.into(), &[VOCAB_SIZE, dim], Role::Table, Init::Uniform(0.5)), dim }
}

fn text_conv<T: Scalar>(
    b: &mut Builder<'_, T>,
    widths: &[usize],
    padding: Padding,
    pooling: TextPooling,
    activation: Activation,
) -> TextConv {
    let channels = vec![channel(b, "first", 3), channel(b, "second", 2)];
    TextConv::new(
        b,
        "conv",
        channels,
        &TextConvSizes { widths, n_filters: 4, padding, pooling, activation, dropout: 0.3 },
    )
}

fn small() -> TransformerSpec {
    TransformerSpec::new(2, 2)
}

fn transformer<T: Scalar>(b: &mut Builder<'_, T>, spec: TransformerSpec) -> Transformer {
    transformer_of(b, 4, spec)
}

fn transformer_of<T: Scalar>(b: &mut Builder<'_, T>, width: usize, spec: TransformerSpec) -> Transformer {
    Transformer::new(b, "transformer", width, &spec, 5)
}

contract! {
    embedding: Reads::Tokens(VOCAB_SIZE), |b| Embedding::new(vec![channel(b, "first", 3), channel(b, "second", 2)]);
    embedding_bag: Reads::Tokens(VOCAB_SIZE), |b| EmbeddingBag::new(b, "bag", [VOCAB_SIZE, 5], 0.5, false);
    embedding_bag_of_values: Reads::Weighted(VOCAB_SIZE), |b| EmbeddingBag::new(b, "bag", [VOCAB_SIZE, 37], 0.5, true);
    one_hot_conv: Reads::Tokens(VOCAB_SIZE), |b| OneHotConv::new(b, "conv", VOCAB_SIZE, 3, 4, Padding::Valid, Role::Table);
    one_hot_max: Reads::Tokens(VOCAB_SIZE), |b| OneHotMax::new(
        OneHotConv::new(b, "conv", VOCAB_SIZE, 3, 70, Padding::Valid, Role::SparseTable), Activation::Tanh);
    one_hot_max_full: Reads::Tokens(VOCAB_SIZE), |b| OneHotMax::new(
        OneHotConv::new(b, "conv", VOCAB_SIZE, 4, 5, Padding::Full, Role::SparseTable), Activation::Relu);
    one_hot_conv_full: Reads::Tokens(VOCAB_SIZE), |b| OneHotConv::new(b, "conv", VOCAB_SIZE, 4, 4, Padding::Full, Role::Table);
    text_conv_global_max: Reads::Tokens(VOCAB_SIZE),
        |b| text_conv(b, &[2, 3, 5], Padding::Valid, TextPooling::GlobalMax, Activation::Relu);
    text_conv_full_global_max: Reads::Tokens(VOCAB_SIZE),
        |b| text_conv(b, &[1, 4], Padding::Full, TextPooling::GlobalMax, Activation::Tanh);
    text_conv_max: Reads::Tokens(VOCAB_SIZE),
        |b| text_conv(b, &[3], Padding::Valid, TextPooling::Max { size: 3, stride: 2 }, Activation::Relu);
    text_conv_same: Reads::Tokens(VOCAB_SIZE),
        |b| text_conv(b, &[2, 3], Padding::Same, TextPooling::None, Activation::Sigmoid);
    text_conv_same_max: Reads::Tokens(VOCAB_SIZE),
        |b| text_conv(b, &[4, 3], Padding::Same, TextPooling::Max { size: 2, stride: 2 }, Activation::Linear);
    dense: Reads::Rows(5), |b| Dense::new(b, "dense", 5, 3);
    relu: Reads::Rows(5), |_b| Activation::Relu;
    gelu: Reads::Rows(5), |_b| Activation::Gelu;
    tanh: Reads::Rows(5), |_b| Activation::Tanh;
    sigmoid: Reads::Rows(5), |_b| Activation::Sigmoid;
    linear: Reads::Rows(5), |_b| Activation::Linear;
    dropout: Reads::Rows(5), |_b| Dropout::new(0.4, 3);
    spatial_dropout: Reads::Rows(5), |_b| Dropout::spatial(0.4, 3);
    conv1d_valid: Reads::Rows(4), |b| Conv1d::new(b, "conv", conv(4, 1, Padding::Valid));
    conv1d_valid_strided: Reads::Rows(4), |b| Conv1d::new(b, "conv", conv(3, 2, Padding::Valid));
    conv1d_same: Reads::Rows(4), |b| Conv1d::new(b, "conv", conv(4, 1, Padding::Same));
    conv1d_same_strided: Reads::Rows(4), |b| Conv1d::new(b, "conv", conv(5, 3, Padding::Same));
    conv1d_full: Reads::Rows(4), |b| Conv1d::new(b, "conv", conv(4, 1, Padding::Full));
    conv1d_stride_beyond_width: Reads::Rows(4), |b| Conv1d::new(b, "conv", conv(2, 3, Padding::Valid));
    conv1d_pointwise: Reads::Rows(4), |b| Conv1d::new(b, "conv", conv(1, 1, Padding::Same));
    max_pool: Reads::Rows(3), |_b| Pool { pooling: Pooling::Max, size: 3, stride: 2 };
    average_pool: Reads::Rows(3), |_b| Pool { pooling: Pooling::Average, size: 3, stride: 2 };
    max_pool_overlapping: Reads::Rows(3), |_b| Pool { pooling: Pooling::Max, size: 4, stride: 1 };
    global_max: Reads::Rows(3), |_b| GlobalPool(GlobalPooling::Max);
    global_average: Reads::Rows(3), |_b| GlobalPool(GlobalPooling::Average);
    global_max_and_average: Reads::Rows(3), |_b| GlobalPool(GlobalPooling::MaxAndAverage);
    k_max: Reads::Rows(3), |_b| GlobalPool(GlobalPooling::KMax { k: 3 });
    first_row: Reads::Rows(3), |_b| OneRow::First;
    last_row: Reads::Rows(3), |_b| OneRow::Last;
    attention_pool: Reads::Rows(4), |b| AttentionPool::new(b, "pool", 4, 3);
    positions: Reads::Rows(4), |b| Positions::new(b, "positions", 4, PositionKind::Learned, 6);
    sinusoidal_positions: Reads::Rows(5), |b| Positions::new(b, "positions", 5, PositionKind::Sinusoidal, 6);
    gelu_tanh: Reads::Rows(5), |_b| Activation::GeluTanh;
    silu: Reads::Rows(5), |_b| Activation::Silu;
    lstm: Reads::Rows(3), |b| Recurrent::new(b, "lstm", RecurrentKind::Lstm, 3, 2, false);
    lstm_bidirectional: Reads::Rows(2), |b| Recurrent::new(b, "lstm", RecurrentKind::Lstm, 2, 3, true);
    gru: Reads::Rows(3), |b| Recurrent::new(b, "gru", RecurrentKind::Gru, 3, 2, false);
    gru_bidirectional: Reads::Rows(2), |b| Recurrent::new(b, "gru", RecurrentKind::Gru, 2, 3, true);
    transformer_pre: Reads::Rows(4), |b| transformer(b, TransformerSpec { feed_forward: Some(5), ..small() });
    transformer_post: Reads::Rows(4), |b| transformer(b, TransformerSpec {
        norm: NormPlace::Post, feed_forward: Some(5), dropout: 0.2, attention_dropout: 0.3, ..small() });
    transformer_llama: Reads::Rows(8), |b| transformer_of(b, 8, TransformerSpec {
        heads: 4, kv_heads: Some(2), head_dim: Some(2), norm_kind: NormKind::Rms, gated: true, activation: Activation::Silu,
        bias: false, qkv_bias: Some(true), causal: true, rotary: Some(100.0), feed_forward: Some(3), ..small() });
    transformer_modern: Reads::Rows(8), |b| transformer_of(b, 8, TransformerSpec {
        layers: 3, window: Some(2), global_every: Some(2), rotary: Some(1000.0), local_rotary: Some(50.0), norm_bias: false,
        skip_first_norm: true, gated: true, bias: false, feed_forward: Some(3), dropout: 0.1, ..small() });
    transformer_shared: Reads::Rows(4), |b| transformer(b, TransformerSpec {
        layers: 3, share: true, norm: NormPlace::Post, activation: Activation::GeluTanh, feed_forward: Some(3), ..small() });
    transformer_checkpointed: Reads::Rows(4), |b| transformer(b, TransformerSpec {
        checkpoint: true, dropout: 0.2, attention_dropout: 0.2, feed_forward: Some(3), final_norm: false, ..small() });
    transformer_with_lora: Reads::Rows(4), |b| transformer(b, TransformerSpec {
        lora: Some(LoraSpec { rank: 2, alpha: 3.0, beside: LoraPlace::All }), feed_forward: Some(3), ..small() });
    transformer_with_lora_post: Reads::Rows(4), |b| transformer(b, TransformerSpec {
        lora: Some(LoraSpec { rank: 3, alpha: 6.0, beside: LoraPlace::Attention }), norm: NormPlace::Post,
        feed_forward: Some(3), dropout: 0.1, ..small() });
    rms_norm: Reads::Rows(5), |b| RmsNorm::new(b, "norm", 5, 1e-3);
    layer_norm: Reads::Rows(5), |b| LayerNorm::new(b, "norm", 5, 1e-5);
    batch_norm: Reads::Rows(5), |b| BatchNorm::new(b, "norm", 5);
    sequential: Reads::Rows(4), |b| Sequential::new(vec![
        Box::new(Conv1d::new(b, "conv", conv(3, 1, Padding::Valid))),
        Box::new(Activation::Tanh),
        Box::new(Dropout::new(0.3, 1)),
        Box::new(GlobalPool(GlobalPooling::Max)),
        Box::new(Dense::new(b, "dense", 4, 2)),
    ]);
    sequential_of_nothing: Reads::Rows(4), |_b| Sequential::new(vec![]);
    residual: Reads::Rows(4), |b| Residual::new(Box::new(Conv1d::new(b, "conv", conv(3, 1, Padding::Same))));
    branches: Reads::Rows(4), |b| {
        let branch = |conv: Conv1d, pool| Box::new(Sequential::new(vec![Box::new(conv), Box::new(GlobalPool(pool))]));
        let wide = branch(Conv1d::new(b, "wide", conv(5, 1, Padding::Valid)), GlobalPooling::Max);
        let narrow = branch(Conv1d::new(b, "narrow", conv(2, 1, Padding::Full)), GlobalPooling::Average);
        let plain = Box::new(GlobalPool(GlobalPooling::KMax { k: 2 }));
        Branches::new(vec![wide, narrow, plain], Input::Rows(&branches::probe_rows(4)), b.params()).unwrap()
    };
}
