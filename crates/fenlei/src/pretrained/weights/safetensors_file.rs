//! The list of tensors at the head of a safetensors file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::{Damage, Numbers, Tensor, damage};

/// Bytes in front of the list, which hold its length.
const LENGTH_LEN: u64 = 8;

/// The largest list that the format allows.
const MAX_LIST_BYTES: u64 = 100_000_000;

pub(super) fn find(mut file: &File, n_bytes: u64, number: usize) -> Result<Vec<(String, Tensor)>, Damage> {
    if n_bytes < LENGTH_LEN {
        return damage("not a safetensors file: it is too short");
    }
    file.seek(SeekFrom::Start(0))?;
    let mut length = [0; LENGTH_LEN as usize];
    file.read_exact(&mut length)?;
    let list_len = u64::from_le_bytes(length);
    if list_len > MAX_LIST_BYTES || list_len > n_bytes - LENGTH_LEN {
        return damage(format!("not a safetensors file: a list of {list_len} bytes in a file of {n_bytes}"));
    }
    let mut list = vec![0; list_len as usize];
    file.read_exact(&mut list)?;
    // safetensors checks that each tensor has the size of its shape and begins where the one before ends.
    let metadata: Metadata =
        serde_json::from_slice(&list).map_err(|error| Damage(format!("not a safetensors file: {error}")))?;
    let data_len = n_bytes - LENGTH_LEN - list_len;
    if metadata.data_len() as u64 != data_len {
        return damage(format!("{data_len} bytes of numbers, its list of tensors has {}", metadata.data_len()));
    }
    let mut found = Vec::new();
    for (name, info) in metadata.tensors() {
        let numbers = match info.dtype {
            Dtype::F64 => Numbers::F64,
            Dtype::F32 => Numbers::F32,
            Dtype::F16 => Numbers::F16,
            Dtype::BF16 => Numbers::BF16,
            other => Numbers::Other(format!("{other:?}"), other.bitsize() / 8),
        };
        let start = LENGTH_LEN + list_len + info.data_offsets.0 as u64;
        found.push((name, Tensor { file: number, start, numbers, shape: info.shape.clone(), strides: None }));
    }
    Ok(found)
}
