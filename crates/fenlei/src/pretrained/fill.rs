//! From the tensors of a model to the parameters of a net.

use std::collections::BTreeSet;

use fenlei_nn::params::{Param, Params};

use super::PretrainedConfig;
use super::blueprint::{Blueprint, Piece, Source};
use super::weights::Weights;
use crate::{Error, Result};

/// Ends of the names of tensors that are computed, and that some versions save all the same.
const COMPUTED: [&str; 5] =
    [".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq", "embeddings.position_ids", "embeddings.token_type_ids"];

/// Ends of the names of parameters that no pretrained model has.
const LORA: [&str; 2] = [".lora-a", ".lora-b"];

/// See [`Pretrained::fill`](super::Pretrained::fill).
pub(super) fn fill(
    config: &PretrainedConfig,
    weights: &Weights,
    rows: &[Option<u32>],
    params: &mut Params<f32>,
) -> Result<String> {
    let blueprint = &config.blueprint;
    let refuse = |problem: String, help: &str| Error::data(&config.dir, None, problem, help);
    let mut reader =
        Reader { weights, prefix: prefix(config, weights)?, rows, n_rows: blueprint.n_rows, used: BTreeSet::new() };
    let mut list: Vec<&mut Param<f32>> = params.iter_mut().collect();
    let mut left = list.as_mut_slice();
    let mut n_numbers = 0;
    for sources in &blueprint.sources {
        // The parameters of a layer begin with its number.
        let number = left.first().map(|param| number(&param.name).to_owned()).unwrap_or_default();
        let n = left.iter().take_while(|param| number_is(&param.name, &number)).count();
        let (of_layer, behind) = std::mem::take(&mut left).split_at_mut(n);
        left = behind;
        // Small matrices beside the weights start as the engine starts them.
        let of_layer: Vec<_> =
            of_layer.iter_mut().filter(|param| !LORA.iter().any(|end| param.name.ends_with(end))).collect();
        if of_layer.len() != sources.len() {
            let names: Vec<&str> = of_layer.iter().map(|param| param.name.as_str()).collect();
            let problem =
                format!("a layer has the parameters {}, the family knows {}", names.join(", "), sources.len());
            return Err(refuse(problem, "this is a bug, please report it"));
        }
        for param in of_layer {
            let end = &param.name[number.len()..].trim_start_matches('.');
            let Some((_, source)) = sources.iter().find(|(ours, _)| ours == end) else {
                return Err(refuse(
                    format!("nothing is known for {:?}", param.name),
                    "this is a bug, please report it",
                ));
            };
            reader.fill(param, source)?;
            n_numbers += param.data.len();
        }
    }
    let Reader { prefix, used, .. } = reader;
    let left_out = |name: &str| {
        let own = name.strip_prefix(prefix.as_str());
        // What stands beside the model itself is a head of some task.
        own.is_none_or(|own| blueprint.left_out.iter().any(|head| own.starts_with(head)))
            || COMPUTED.iter().any(|end| name.ends_with(end))
    };
    if let Some(surplus) = weights.names().find(|name| !used.contains(*name) && !left_out(name)) {
        let problem = format!("the tensor {surplus:?} has no place in the model that config.json describes");
        return Err(refuse(problem, "take weights that belong to the config.json beside them"));
    }
    let name = config.dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(format!("the encoder starts from {name}: {n_numbers} numbers from {} tensors", used.len()))
}

fn number(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

fn number_is(name: &str, expected: &str) -> bool {
    number(name) == expected
}

/// What stands before the names of the model's tensors, such as `bert.` where a head was saved with it.
pub(super) fn prefix(config: &PretrainedConfig, weights: &Weights) -> Result<String> {
    let Blueprint { table, .. } = config.blueprint;
    let found: Vec<&str> = weights.names().filter_map(|name| name.strip_suffix(table)).collect();
    match found.iter().filter(|prefix| prefix.is_empty() || prefix.ends_with('.')).min_by_key(|prefix| prefix.len()) {
        Some(prefix) => Ok((*prefix).to_owned()),
        None => {
            let problem = format!("the tensor {table:?} is missing among those of the weights");
            Err(Error::data(&config.dir, None, problem, "take weights that belong to the config.json beside them"))
        }
    }
}

struct Reader<'a> {
    weights: &'a Weights,
    prefix: String,
    /// The row of the model's table for each token of ours.
    rows: &'a [Option<u32>],
    n_rows: usize,
    used: BTreeSet<String>,
}

impl Reader<'_> {
    fn fill(&mut self, param: &mut Param<f32>, source: &Source) -> Result<()> {
        let (n_rows, width) = match param.shape[..] {
            [n] => (n, 1),
            _ => (param.shape[0], param.row_len()),
        };
        match source {
            Source::Nothing => {
                param.data.fill(0.0);
                param.trainable = false;
            }
            Source::Tokens(name) => {
                let table = self.read(name, &[self.n_rows, width])?;
                for (to, row) in param.data.chunks_exact_mut(width).zip(self.rows) {
                    match *row {
                        Some(row) => to.copy_from_slice(&table[row as usize * width..][..width]),
                        None => to.fill(0.0),
                    }
                }
            }
            Source::Positions { table, skip, kinds } => {
                let positions = self.read(table, &[n_rows + skip, width])?;
                param.data.copy_from_slice(&positions[skip * width..]);
                if let Some(kinds) = kinds {
                    let n_kinds = self.shape(kinds)?.first().copied().unwrap_or(0).max(1);
                    let kinds = self.read(kinds, &[n_kinds, width])?;
                    for row in param.data.chunks_exact_mut(width) {
                        row.iter_mut().zip(&kinds).for_each(|(x, kind)| *x += kind);
                    }
                }
            }
            Source::Rows(pieces) => {
                let mut at = 0;
                for piece in pieces {
                    let rows = piece.n_rows.unwrap_or(n_rows / pieces.len());
                    let to = param.data.get_mut(at..at + rows * width);
                    let to = to.ok_or_else(|| self.too_large(piece, &param.name))?;
                    self.piece(to, piece, rows, width, param.shape.len())?;
                    at += rows * width;
                }
                if at != param.data.len() {
                    return Err(self.too_large(&pieces[0], &param.name));
                }
            }
        }
        Ok(())
    }

    fn piece(&mut self, to: &mut [f32], piece: &Piece, rows: usize, width: usize, n_axes: usize) -> Result<()> {
        match (n_axes, piece.is_transposed) {
            (1, _) => to.copy_from_slice(&self.read(&piece.name, &[rows])?),
            (_, false) => to.copy_from_slice(&self.read(&piece.name, &[rows, width])?),
            (_, true) => {
                let stored = self.read(&piece.name, &[width, rows])?;
                for (row, to) in to.chunks_exact_mut(width).enumerate() {
                    to.iter_mut().enumerate().for_each(|(column, x)| *x = stored[column * rows + row]);
                }
            }
        }
        Ok(())
    }

    fn too_large(&self, piece: &Piece, ours: &str) -> Error {
        let problem = format!("the tensor {:?} and those beside it do not fill {ours:?}", piece.name);
        Error::config("pretrained", problem, "this is a bug, please report it")
    }

    /// The name as it stands in the files. Early versions called the scale and the shift of a norm otherwise.
    fn full_name(&self, name: &str) -> String {
        let full = format!("{}{name}", self.prefix);
        if self.weights.shape(&full).is_some() {
            return full;
        }
        let early = [("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")];
        let early = early.into_iter().find_map(|(now, then)| Some(format!("{}{then}", full.strip_suffix(now)?)));
        early.filter(|early| self.weights.shape(early).is_some()).unwrap_or(full)
    }

    fn shape(&self, name: &str) -> Result<Vec<usize>> {
        let name = self.full_name(name);
        match self.weights.shape(&name) {
            Some(shape) => Ok(shape.to_vec()),
            None => self.weights.read(&name, &[]).map(|_| Vec::new()),
        }
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let name = self.full_name(name);
        let numbers = self.weights.read(&name, shape)?;
        self.used.insert(name);
        Ok(numbers)
    }
}
