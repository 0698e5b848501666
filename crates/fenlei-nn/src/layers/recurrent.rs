//! Recurrent layers: LSTM and GRU, in one direction or both.

use super::{Cache, Input, Layer, Pass};
use crate::init::{Builder, Init};
use crate::kernels::elementwise::add_column_sums;
use crate::kernels::gemm::Mat;
use crate::kernels::lent::Lender;
use crate::kernels::recurrent::{self, GroupMemory, Gru, Lstm, Panels, Plan, Way};
use crate::params::{Grads, ParamId, Params, Role};
use crate::ragged::Rows;
use crate::scalar::Scalar;
use crate::spec::Precision;

/// Which cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecurrentKind {
    /// Long short-term memory.
    Lstm,
    /// Gated recurrent units.
    Gru,
}

impl RecurrentKind {
    fn n_gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru => 3,
        }
    }
}

/// A state for each position, from the input there and the state before: `[units]`, or `[2 · units]` in both directions.
///
/// Cache: `recurrent`.
#[derive(Debug, Clone)]
pub struct Recurrent {
    kind: RecurrentKind,
    width: usize,
    units: usize,
    /// From the start, and from the end.
    ways: Vec<WayParams>,
    precision: Precision,
}

/// The parameters of one direction.
#[derive(Debug, Clone)]
struct WayParams {
    /// `[gates · units, width]`.
    input: ParamId,
    /// `[gates · units, units]`.
    state: ParamId,
    /// `[gates · units]`.
    bias: ParamId,
    /// `[units]`: within the reset gate of a GRU.
    state_bias: Option<ParamId>,
}

/// What a recurrent layer remembers, and works in.
#[derive(Debug, Clone, Default)]
pub struct RecurrentMemory<T> {
    plan: Plan,
    ways: Vec<WayMemory<T>>,
    groups: Lender<GroupMemory<T>>,
}

#[derive(Debug, Clone, Default)]
struct WayMemory<T> {
    /// `[n_rows, gates · units]`.
    gates: Vec<T>,
    /// `[n_rows, units]`.
    kept: Vec<T>,
    /// `[n_rows, units]`: the states before.
    before: Vec<T>,
    panels: Panels<T>,
}

impl Recurrent {
    /// Makes the parameters `{name}.input.weight`, `{name}.state.weight`, `{name}.bias`, with a GRU `{name}.state.bias`, and
    /// in both directions the same behind `{name}.reverse`. Gates in the order of PyTorch.
    pub fn new<T: Scalar>(
        builder: &mut Builder<'_, T>,
        name: &str,
        kind: RecurrentKind,
        width: usize,
        units: usize,
        bidirectional: bool,
    ) -> Self {
        let n = kind.n_gates() * units;
        let names = [name.to_owned(), format!("{name}.reverse")];
        let ways = names[..if bidirectional { 2 } else { 1 }].iter().map(|name| {
            let init = Init::GlorotUniform { fan_in: width, fan_out: units };
            let input = builder.add(format!("{name}.input.weight"), &[n, width], Role::Weight, init);
            let init = Init::GlorotUniform { fan_in: units, fan_out: units };
            let state = builder.add(format!("{name}.state.weight"), &[n, units], Role::Weight, init);
            let bias = builder.add(format!("{name}.bias"), &[n], Role::Bias, Init::Constant(0.0));
            let state_bias = (kind == RecurrentKind::Gru)
                .then(|| builder.add(format!("{name}.state.bias"), &[units], Role::Bias, Init::Constant(0.0)));
            if kind == RecurrentKind::Lstm {
                // A cell that remembers from the start learns sooner (Gers et al. 2000, Jozefowicz et al. 2015).
                builder.fill(bias, units..2 * units, 1.0);
            }
            WayParams { input, state, bias, state_bias }
        });
        let ways = ways.collect();
        Self { kind, width, units, ways, precision: builder.precision() }
    }

    fn way<'a, T>(&self, memory: &'a RecurrentMemory<T>, way: usize) -> Way<'a> {
        let stride = self.ways.len() * self.units;
        Way { plan: &memory.plan, units: self.units, reverse: way == 1, stride, column: way * self.units }
    }
}

impl WayParams {
    fn lstm<'p, T: Scalar>(&self, params: &'p Params<T>) -> Lstm<'p, T> {
        Lstm { bias: params.data(self.bias) }
    }

    fn gru<'p, T: Scalar>(&self, params: &'p Params<T>) -> Gru<'p, T> {
        let product_bias = self.state_bias.map_or(&[][..], |bias| params.data(bias));
        Gru { bias: params.data(self.bias), product_bias }
    }

    fn ids(&self) -> impl Iterator<Item = ParamId> {
        [self.input, self.state, self.bias].into_iter().chain(self.state_bias)
    }
}

impl<T: Scalar> Layer<T> for Recurrent {
    fn forward(&self, y: &mut Rows<T>, cache: &mut Cache<T>, x: Input<'_, T>, params: &Params<T>, pass: Pass) {
        let (x, units) = (x.rows(), self.units);
        let (n_rows, n_gates) = (x.n_rows(), self.kind.n_gates() * units);
        y.resize_like(&x.starts, self.ways.len() * units);
        let memory = &mut cache.recurrent;
        memory.plan.deal(&x.starts);
        memory.ways.resize_with(self.ways.len(), Default::default);
        for i in 0..self.ways.len() {
            let ids = &self.ways[i];
            let mut own = std::mem::take(&mut memory.ways[i]);
            own.gates.resize(n_rows * n_gates, T::ZERO);
            own.kept.resize(n_rows * units, T::ZERO);
            let input = Mat::new(&x.data, n_rows, self.width);
            let weight = Mat::new(params.data(ids.input), n_gates, self.width).t();
            pass.matmul(self.precision, &mut own.gates, input, weight);
            own.panels.pack(params.data(ids.state), units, n_gates, true);
            let out = (&mut y.data[..], &mut own.gates[..], &mut own.kept[..]);
            let way = self.way(memory, i);
            match self.kind {
                RecurrentKind::Lstm => {
                    recurrent::forward(out, &memory.groups, way, &ids.lstm(params), &own.panels);
                }
                RecurrentKind::Gru => recurrent::forward(out, &memory.groups, way, &ids.gru(params), &own.panels),
            }
            memory.ways[i] = own;
        }
    }

    fn backward(
        &self,
        mut dx: Option<&mut Rows<T>>,
        grads: &mut Grads<T>,
        cache: &mut Cache<T>,
        dy: &Rows<T>,
        y: &Rows<T>,
        x: Input<'_, T>,
        params: &Params<T>,
    ) {
        let (x, units) = (x.rows(), self.units);
        let (n_rows, n_gates) = (x.n_rows(), self.kind.n_gates() * units);
        let memory = &mut cache.recurrent;
        if let Some(dx) = &mut dx {
            dx.resize_like(&x.starts, self.width);
        }
        let multiply = |out: &mut [T], a: Mat<'_, T>, b: Mat<'_, T>, accumulate: bool| {
            self.precision.matmul(out, a, b, accumulate);
        };
        for i in 0..self.ways.len() {
            let ids = &self.ways[i];
            let mut own = std::mem::take(&mut memory.ways[i]);
            own.panels.pack(params.data(ids.state), n_gates, units, false);
            let way = self.way(memory, i);
            let (out, outputs) = ((&mut own.gates[..], &mut own.kept[..]), (&dy.data[..], &y.data[..]));
            let (groups, panels) = (&memory.groups, &own.panels);
            match self.kind {
                RecurrentKind::Lstm => {
                    recurrent::backward(out, groups, outputs, way, &ids.lstm(params), panels);
                }
                RecurrentKind::Gru => recurrent::backward(out, groups, outputs, way, &ids.gru(params), panels),
            }
            states_before(&mut own.before, y, way);
            let d_gates = Mat::new(&own.gates, n_rows, n_gates);
            let before = Mat::new(&own.before, n_rows, units);
            // A frozen parameter has no gradient.
            let d_input = grads.data_mut(ids.input);
            if !d_input.is_empty() {
                multiply(d_input, d_gates.t(), Mat::new(&x.data, n_rows, self.width), true);
            }
            let d_state = grads.data_mut(ids.state);
            if !d_state.is_empty() {
                match self.kind {
                    RecurrentKind::Lstm => multiply(d_state, d_gates.t(), before, true),
                    RecurrentKind::Gru => {
                        let (first, last) = d_state.split_at_mut(2 * units * units);
                        multiply(first, Mat::strided(&own.gates, n_rows, 2 * units, n_gates).t(), before, true);
                        multiply(last, Mat::new(&own.kept, n_rows, units).t(), before, true);
                    }
                }
            }
            add_column_sums(grads.data_mut(ids.bias), &own.gates);
            if let Some(bias) = ids.state_bias {
                add_column_sums(grads.data_mut(bias), &own.kept);
            }
            if let Some(dx) = &mut dx {
                multiply(&mut dx.data, d_gates, Mat::new(params.data(ids.input), n_gates, self.width), i > 0);
            }
            memory.ways[i] = own;
        }
    }

    fn trains(&self, params: &Params<T>) -> bool {
        self.ways.iter().flat_map(WayParams::ids).any(|id| params.get(id).trainable)
    }
}

/// The state before each position, zeros before the first.
fn states_before<T: Scalar>(before: &mut Vec<T>, y: &Rows<T>, way: Way<'_>) {
    let units = way.units;
    before.resize(y.n_rows() * units, T::ZERO);
    for doc in 0..y.n_docs() {
        let rows = y.doc(doc);
        for row in rows.clone() {
            let other = if way.reverse { row + 1 } else { row.wrapping_sub(1) };
            let out = &mut before[row * units..(row + 1) * units];
            if rows.contains(&other) {
                out.copy_from_slice(&y.row(other)[way.column..way.column + units]);
            } else {
                out.fill(T::ZERO);
            }
        }
    }
}
