//! Parameters and their gradients.

use crate::compact::{Compact, Compaction};
use crate::kernels::elementwise::fill_with;
use crate::scalar::Scalar;

/// Which parameter of a net: an index into [`Params`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ParamId(pub usize);

/// What a parameter is, which decides how it is updated and regularised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `[vocab_size, width]`: only the rows of the batch's tokens have gradients and are updated.
    Table,
    /// The same, read by a layer behind whose maximum most numbers of a row have no gradient. An optimizer that leaves
    /// those alone visits only the others ([`Grads::by_entry`]).
    SparseTable,
    /// A matrix: weight decay, L1, L2 and max-norm apply. Its first axis is the outputs.
    Weight,
    /// A bias, scale or shift: no regularisation.
    Bias,
    /// A running statistic: saved with the model, never trained.
    Statistic,
}

impl Role {
    /// Whether only the rows of the batch's tokens take part in a step.
    pub fn is_table(self) -> bool {
        matches!(self, Self::Table | Self::SparseTable)
    }
}

/// One tensor of a net.
#[derive(Debug, Clone, PartialEq)]
pub struct Param<T> {
    /// Unique, readable: `embedding.table`, `conv.weight`.
    pub name: String,
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// The numbers; empty where they are held as `compact`.
    pub data: Vec<T>,
    /// The numbers in fewer bits, which nothing trains. Only of what [`Layer::compactable`](crate::layers::Layer::compactable)
    /// names.
    pub compact: Option<Compact>,
    /// How it is updated.
    pub role: Role,
    /// False for frozen vectors and statistics.
    pub trainable: bool,
    /// What its learning rate is multiplied with: 1 but where parts of a net learn at different rates.
    pub lr_scale: f64,
}

impl<T> Param<T> {
    /// Numbers in a row: the product of all axes but the first.
    pub fn row_len(&self) -> usize {
        self.shape[1..].iter().product()
    }

    /// How many numbers, however they are held.
    pub fn n_numbers(&self) -> usize {
        self.shape.iter().product()
    }
}

impl<T: Scalar> Param<T> {
    /// Holds the numbers in fewer bits from here on.
    pub fn compact(&mut self, compaction: Compaction) {
        self.expand();
        self.compact = Some(Compact::nearest(compaction, &self.data, self.row_len()));
        self.data = Vec::new();
        self.trainable = false;
    }

    /// Holds the numbers as the net computes with them again.
    pub fn expand(&mut self) {
        if let Some(compact) = self.compact.take() {
            compact.expand(&mut self.data);
        }
    }
}

/// All tensors of a net, in the order in which the layers made them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params<T> {
    list: Vec<Param<T>>,
}

impl<T: Scalar> Params<T> {
    /// Adds a parameter filled by `init(position)`.
    ///
    /// # Panics
    /// When the name is taken: layer names are made unique while a net is built.
    pub fn add(&mut self, name: String, shape: &[usize], role: Role, init: impl Fn(usize) -> f64) -> ParamId {
        let n = shape.iter().product();
        self.push(name, shape, role, (0..n).map(|i| T::from_f64(init(i))).collect())
    }

    /// Adds a parameter of zeros.
    ///
    /// # Panics
    /// When the name is taken.
    pub fn add_zeros(&mut self, name: String, shape: &[usize], role: Role) -> ParamId {
        self.push(name, shape, role, vec![T::ZERO; shape.iter().product()])
    }

    fn push(&mut self, name: String, shape: &[usize], role: Role, data: Vec<T>) -> ParamId {
        assert!(self.list.iter().all(|p| p.name != name), "two parameters named {name}");
        let trainable = role != Role::Statistic;
        self.list.push(Param { name, shape: shape.to_vec(), data, role, trainable, lr_scale: 1.0, compact: None });
        ParamId(self.list.len() - 1)
    }

    /// The numbers of a parameter.
    pub fn data(&self, id: ParamId) -> &[T] {
        &self.list[id.0].data
    }

    /// The numbers of a parameter that may be held in fewer bits, which are then put into `expanded`.
    pub fn numbers<'a>(&'a self, id: ParamId, expanded: &'a mut Vec<T>) -> &'a [T] {
        let param = &self.list[id.0];
        let Some(compact) = &param.compact else { return &param.data };
        compact.expand(expanded);
        expanded
    }

    /// The numbers of a parameter, to change.
    pub fn data_mut(&mut self, id: ParamId) -> &mut [T] {
        &mut self.list[id.0].data
    }

    /// The parameter itself.
    pub fn get(&self, id: ParamId) -> &Param<T> {
        &self.list[id.0]
    }

    /// The parameter itself, to change.
    pub fn get_mut(&mut self, id: ParamId) -> &mut Param<T> {
        &mut self.list[id.0]
    }

    /// All parameters in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Param<T>> {
        self.list.iter()
    }

    /// All parameters in order, to change.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = &mut Param<T>> {
        self.list.iter_mut()
    }

    /// How many tensors.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// The gradient of one parameter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Grad<T> {
    /// For a table: the touched rows, distinct; `data` is `[rows.len(), row_len]`. Else empty, `data` as long as the
    /// parameter.
    pub rows: Vec<u32>,
    /// The numbers.
    pub data: Vec<T>,
    /// Whether `rows` are single numbers of the table instead: row 7 is its seventh number, and `row_len` is 1.
    pub by_entry: bool,
}

impl<T> Grad<T> {
    /// Numbers in a row of this gradient of `param`.
    pub fn row_len(&self, param: &Param<T>) -> usize {
        if self.by_entry { 1 } else { param.row_len() }
    }
}

/// The gradients of all parameters, beside [`Params`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Grads<T> {
    list: Vec<Grad<T>>,
    by_entry: bool,
}

impl<T: Scalar> Grads<T> {
    /// Gradients in which a [`Role::SparseTable`] lists the numbers that have one, ascending, instead of rows.
    pub fn by_entry() -> Self {
        Self { list: Vec::new(), by_entry: true }
    }

    /// Sets every gradient to zero; a table's to the rows `distinct` of the batch, or to no entries. Keeps the memory.
    pub fn reset(&mut self, params: &Params<T>, distinct: &[u32]) {
        self.list.resize_with(params.len(), Grad::default);
        for (grad, param) in self.list.iter_mut().zip(params.iter()) {
            grad.rows.clear();
            // An entry is numbered with 32 bits.
            let fits = u32::try_from(param.data.len()).is_ok();
            grad.by_entry = self.by_entry && fits && param.role == Role::SparseTable;
            if !param.trainable || grad.by_entry {
                grad.data.clear();
                continue;
            }
            let n = if param.role.is_table() {
                grad.rows.extend_from_slice(distinct);
                distinct.len() * param.row_len()
            } else {
                param.data.len()
            };
            grad.data.resize(n, T::ZERO);
            fill_with(&mut grad.data, |_| T::ZERO);
        }
    }

    /// No gradient for any parameter, as if all were frozen: for a backward pass that only the inputs are asked of.
    pub fn reset_to_none(&mut self, params: &Params<T>) {
        self.list.resize_with(params.len(), Grad::default);
        for grad in &mut self.list {
            grad.rows.clear();
            grad.data.clear();
            grad.by_entry = false;
        }
    }

    /// The gradient numbers of a parameter, to add to. Empty for a frozen parameter.
    pub fn data_mut(&mut self, id: ParamId) -> &mut [T] {
        &mut self.list[id.0].data
    }

    /// The gradient of a parameter, to put entries into.
    pub fn get_mut(&mut self, id: ParamId) -> &mut Grad<T> {
        &mut self.list[id.0]
    }

    /// The gradient of a parameter.
    pub fn get(&self, id: ParamId) -> &Grad<T> {
        &self.list[id.0]
    }

    /// Two different gradients at once, to add to.
    ///
    /// # Panics
    /// When the two are the same.
    pub fn pair_mut(&mut self, a: ParamId, b: ParamId) -> (&mut [T], &mut [T]) {
        let [a, b] = self.list.get_disjoint_mut([a.0, b.0]).expect("two different parameters");
        (&mut a.data, &mut b.data)
    }

    /// The gradient numbers of different parameters at once, to add to; empty where there is none.
    ///
    /// # Panics
    /// When two of them are the same.
    pub fn several_mut<const N: usize>(&mut self, ids: [Option<ParamId>; N]) -> [&mut [T]; N] {
        let mut found: [&mut [T]; N] = std::array::from_fn(|_| Default::default());
        for (i, grad) in self.list.iter_mut().enumerate() {
            let mut places = (0..N).filter(|&place| ids[place] == Some(ParamId(i)));
            if let Some(place) = places.next() {
                assert!(places.next().is_none(), "different parameters");
                found[place] = &mut grad.data;
            }
        }
        found
    }

    /// All gradients in the order of the parameters.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Grad<T>> {
        self.list.iter()
    }

    /// All gradients in the order of the parameters, to change.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = &mut Grad<T>> {
        self.list.iter_mut()
    }
}
