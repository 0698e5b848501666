//! Blocks of self-attention (Vaswani et al. 2017) over ragged rows: the rows of all documents pass through the products
//! together, and only attention knows which rows belong together.

mod block;
mod block_backward;
mod linear;
mod memory;
mod norm;

pub use memory::TransformerMemory;

use self::block::{Block, Step};
use self::norm::Norm;
use super::{Cache, Input, Layer, Pass};
use crate::init::Builder;
use crate::kernels::shortcut::{NormGradients, NormKept};
use crate::params::{Grads, ParamId, Params};
use crate::ragged::Rows;
use crate::rng;
use crate::scalar::Scalar;
use crate::spec::{NormPlace, TransformerSizes, TransformerSpec};

/// A Transformer: see [`TransformerSpec`].
///
/// Cache: `transformer`.
#[derive(Debug, Clone)]
pub struct Transformer {
    spec: TransformerSpec,
    sizes: TransformerSizes,
    /// Those of one block only, where all share.
    blocks: Vec<Block>,
    final_norm: Option<Norm>,
    salt: u64,
}

impl Transformer {
    /// Makes the parameters `{name}.{block}.attention.qkv.weight` and so on for rows of `width` numbers. `salt` is a number
    /// that no other layer has.
    pub fn new<T: Scalar>(
        builder: &mut Builder<'_, T>,
        name: &str,
        width: usize,
        spec: &TransformerSpec,
        salt: u64,
    ) -> Self {
        let sizes = spec.sizes(width);
        let n_blocks = if spec.share { spec.layers.min(1) } else { spec.layers };
        let blocks = (0..n_blocks).map(|i| Block::new(builder, &format!("{name}.{i}"), spec, &sizes, i)).collect();
        let has_final = spec.norm == NormPlace::Pre && spec.final_norm;
        let final_norm = has_final.then(|| Norm::new(builder, &format!("{name}.final-norm"), width, spec));
        Self { spec: spec.clone(), sizes, blocks, final_norm, salt }
    }

    fn block(&self, block: usize) -> &Block {
        &self.blocks[if self.spec.share { 0 } else { block }]
    }

    /// What a block needs to know beside its numbers.
    fn step<'s>(&'s self, block: usize, starts: &'s [u32], seed: Option<u64>) -> Step<'s> {
        let (window, rotary) = self.spec.sight(block);
        Step {
            spec: &self.spec,
            sizes: &self.sizes,
            starts,
            window,
            turned: rotary.is_some(),
            local: window.is_some(),
            seed: seed.map(|seed| rng::derive(rng::derive(seed, self.salt), block as u64)),
            training: seed.is_some(),
        }
    }

    /// Which memory a block works in.
    fn place<T>(&self, memory: &TransformerMemory<T>, block: usize) -> usize {
        if memory.blocks.len() == 1 { 0 } else { block }
    }
}

impl<T: Scalar> Layer<T> for Transformer {
    fn forward(&self, y: &mut Rows<T>, cache: &mut Cache<T>, x: Input<'_, T>, params: &Params<T>, pass: Pass) {
        let x = x.rows();
        let memory = &mut cache.transformer;
        let n_layers = self.spec.layers;
        memory.seed = if let Pass::Train { seed } = pass { Some(seed) } else { None };
        memory.remembers = pass != Pass::Predict;
        let n_memories = if memory.remembers && !self.spec.checkpoint { n_layers } else { 1 };
        memory.blocks.resize_with(n_memories, Default::default);
        // When predicting, the outputs of two blocks are there at a time.
        memory.outputs.resize_with(if memory.remembers { n_layers } else { n_layers.min(2) }, Vec::new);
        let longest = x.starts.windows(2).map(|d| (d[1] - d[0]) as usize).max().unwrap_or(0);
        let bases = [self.spec.rotary, self.spec.local_rotary.or(self.spec.rotary)];
        for (table, base) in memory.rotary.iter_mut().zip(bases) {
            if let Some(base) = base {
                table.prepare(base, self.sizes.head_dim, longest);
            }
        }
        for i in 0..n_layers {
            let step = self.step(i, &x.starts, memory.seed);
            let place = self.place(memory, i);
            let n_outputs = memory.outputs.len();
            let mut output = std::mem::take(&mut memory.outputs[i % n_outputs]);
            output.resize(x.data.len(), T::ZERO);
            let input = if i == 0 { &x.data } else { &memory.outputs[(i - 1) % n_outputs] };
            let rotary = &memory.rotary[usize::from(step.local)];
            let block = &mut memory.blocks[place];
            self.block(i).forward(
                &mut output,
                block,
                (&mut memory.scratch, &memory.heads),
                input,
                (&step, rotary),
                params,
            );
            memory.outputs[i % n_outputs] = output;
        }
        y.resize_like(&x.starts, x.width);
        let last = if n_layers == 0 { &x.data } else { &memory.outputs[(n_layers - 1) % memory.outputs.len()] };
        match &self.final_norm {
            Some(norm) => {
                memory.final_moments.resize(x.n_rows() * 2, T::ZERO);
                norm.of(params).forward(&mut y.data, &mut memory.final_moments, last);
            }
            None => y.data.copy_from_slice(last),
        }
    }

    fn backward(
        &self,
        mut dx: Option<&mut Rows<T>>,
        grads: &mut Grads<T>,
        cache: &mut Cache<T>,
        dy: &Rows<T>,
        _: &Rows<T>,
        x: Input<'_, T>,
        params: &Params<T>,
    ) {
        let x = x.rows();
        let memory = &mut cache.transformer;
        assert!(memory.remembers, "a backward pass follows a forward pass that trains or traces");
        let n_layers = self.spec.layers;
        let mut d_output = std::mem::take(&mut memory.scratch.d_output);
        d_output.resize(dy.data.len(), T::ZERO);
        match &self.final_norm {
            Some(norm) => {
                let [d_scale, d_shift, d_bias] = norm.gradients(grads, None);
                let input = memory.outputs.last().unwrap_or(&x.data);
                norm.of(params).backward(
                    NormGradients { dx: &mut d_output, masked: &mut [], d_scale, d_shift, d_bias },
                    &mut memory.scratch.partial,
                    NormKept { dy: &dy.data, x: input, moments: &memory.final_moments, along: &[], dropout: None },
                );
            }
            None => d_output.copy_from_slice(&dy.data),
        }
        // Below the first block with something to learn nobody asks for gradients.
        let lowest = if dx.is_some() { 0 } else { self.lowest_that_trains(params) };
        for i in (lowest..n_layers).rev() {
            let step = self.step(i, &x.starts, memory.seed);
            let place = self.place(memory, i);
            let input = if i == 0 { &x.data } else { &memory.outputs[i - 1] };
            let rotary = &memory.rotary[usize::from(step.local)];
            let block = &mut memory.blocks[place];
            if self.spec.checkpoint {
                let mut output = std::mem::take(&mut memory.scratch.again);
                output.resize(x.data.len(), T::ZERO);
                let work = (&mut memory.scratch, &memory.heads);
                self.block(i).forward(&mut output, block, work, input, (&step, rotary), params);
                memory.scratch.again = output;
            }
            let wanted = i > lowest || dx.is_some();
            self.block(i).backward(
                (&mut d_output, wanted, grads),
                block,
                (&mut memory.scratch, &memory.heads),
                input,
                (&step, rotary),
                params,
            );
        }
        if let Some(dx) = &mut dx {
            dx.resize_like(&x.starts, x.width);
            dx.data.copy_from_slice(&d_output);
        }
        memory.scratch.d_output = d_output;
    }

    fn trains(&self, params: &Params<T>) -> bool {
        self.blocks.iter().any(|block| block.trains(params))
            || self.final_norm.as_ref().is_some_and(|norm| norm.trains(params))
    }

    fn attends(&self) -> bool {
        true
    }

    fn compactable(&self) -> Vec<ParamId> {
        self.blocks.iter().flat_map(Block::weights).collect()
    }

    fn merge(&self, params: &mut Params<T>) {
        self.blocks.iter().for_each(|block| block.merge(params));
    }
}

impl Transformer {
    fn lowest_that_trains<T: Scalar>(&self, params: &Params<T>) -> usize {
        (0..self.spec.layers).find(|&i| self.block(i).trains(params)).unwrap_or(self.spec.layers)
    }
}
