//! The block of tensors: a complete safetensors buffer inside of the file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use half::{bf16, f16};
use safetensors::Dtype as StoredDType;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::header::ALIGNMENT;
use crate::{Error, Result};

/// The type of the numbers of a tensor; all little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit float.
    F32,
    /// 16-bit float with 11 bits of precision.
    F16,
    /// 16-bit float with the range of an f32 and 8 bits of precision.
    BF16,
    /// 64-bit signed integer.
    I64,
    /// 32-bit signed integer.
    I32,
    /// 32-bit unsigned integer.
    U32,
    /// 8-bit signed integer.
    I8,
    /// 8-bit unsigned integer.
    U8,
}

/// Each type of ours with its name in safetensors.
const DTYPES: [(DType, StoredDType); 8] = [
    (DType::F32, StoredDType::F32),
    (DType::F16, StoredDType::F16),
    (DType::BF16, StoredDType::BF16),
    (DType::I64, StoredDType::I64),
    (DType::I32, StoredDType::I32),
    (DType::U32, StoredDType::U32),
    (DType::I8, StoredDType::I8),
    (DType::U8, StoredDType::U8),
];

impl DType {
    /// Bytes that one number takes.
    pub fn size(self) -> usize {
        match self {
            Self::I64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::I8 | Self::U8 => 1,
        }
    }

    fn stored(self) -> StoredDType {
        DTYPES.iter().find(|(ours, _)| *ours == self).map_or(StoredDType::U8, |(_, stored)| *stored)
    }

    fn from_stored(stored: StoredDType) -> Option<Self> {
        DTYPES.iter().find(|(_, theirs)| *theirs == stored).map(|(ours, _)| *ours)
    }
}

/// A tensor to be saved.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorData<'a> {
    /// Its name, distinct within the file.
    pub name: String,
    /// The type of its numbers.
    pub dtype: DType,
    /// Its shape, the last axis the fastest; empty for a single number.
    pub shape: Vec<usize>,
    /// Its numbers, little-endian.
    pub bytes: Cow<'a, [u8]>,
}

impl TensorData<'static> {
    /// A tensor of f32.
    pub fn from_f32(name: impl Into<String>, shape: &[usize], values: &[f32]) -> Self {
        let mut bytes = Vec::with_capacity(values.len() * 4);
        values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
        Self { name: name.into(), dtype: DType::F32, shape: shape.to_vec(), bytes: Cow::Owned(bytes) }
    }
}

/// A tensor inside of a loaded file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TensorView<'a> {
    /// Its name.
    pub name: &'a str,
    /// The type of its numbers.
    pub dtype: DType,
    /// Its shape, the last axis the fastest; empty for a single number.
    pub shape: &'a [usize],
    /// Its numbers, little-endian, `shape` × `dtype.size()` bytes.
    pub data: &'a [u8],
}

impl TensorView<'_> {
    /// The numbers as f32, which is exact for the three float types.
    ///
    /// # Errors
    /// [`Error::Artifact`] for integers.
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        match self.dtype {
            DType::F32 => Ok(self.numbers(f32::from_le_bytes)),
            DType::F16 => Ok(self.numbers(|bytes| f16::from_le_bytes(bytes).to_f32())),
            DType::BF16 => Ok(self.numbers(|bytes| bf16::from_le_bytes(bytes).to_f32())),
            dtype => Err(Error::artifact(
                format!("tensor {:?}", self.name),
                format!("its numbers are {dtype:?}, expected F32, F16 or BF16"),
                "the model was saved by another version of fenlei: save it again with this one",
            )),
        }
    }

    fn numbers<const SIZE: usize>(&self, from_bytes: impl Fn([u8; SIZE]) -> f32) -> Vec<f32> {
        self.data.as_chunks().0.iter().map(|&bytes| from_bytes(bytes)).collect()
    }
}

/// Where a tensor lies in the block.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub dtype: DType,
    pub shape: Vec<usize>,
    pub bytes: Range<usize>,
}

/// The head of a block, and the tensors in the order in which their bytes follow it.
pub(super) fn lay_out<'t, 'a>(tensors: &'t [TensorData<'a>]) -> Result<(Vec<u8>, Vec<&'t TensorData<'a>>), String> {
    let mut ordered: Vec<_> = tensors.iter().collect();
    // Widest numbers first, so that each tensor is aligned for its type; then by name, so that the order of the
    // caller changes nothing.
    ordered.sort_by(|a, b| b.dtype.size().cmp(&a.dtype.size()).then_with(|| a.name.cmp(&b.name)));
    let mut names: Vec<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("two tensors are named {:?}", twice[0]));
    }
    if names.contains(&RESERVED_NAME) {
        return Err(format!("a tensor is named {RESERVED_NAME:?}, which safetensors reserves"));
    }
    let mut start = 0usize;
    let mut entries = Vec::with_capacity(ordered.len());
    for tensor in &ordered {
        let expected = n_bytes(&tensor.shape, tensor.dtype);
        if expected != Some(tensor.bytes.len()) {
            return Err(format!(
                "the tensor {:?} of shape {:?} and type {:?} has {} bytes",
                tensor.name,
                tensor.shape,
                tensor.dtype,
                tensor.bytes.len()
            ));
        }
        let end = start.checked_add(tensor.bytes.len()).ok_or("the tensors are larger than memory")?;
        let info = TensorInfo { dtype: tensor.dtype.stored(), shape: tensor.shape.clone(), data_offsets: (start, end) };
        entries.push((tensor.name.clone(), info));
        start = end;
    }
    let metadata = Metadata::new(None, entries).map_err(|error| error.to_string())?;
    let mut json = serde_json::to_vec(&metadata).map_err(|error| error.to_string())?;
    // safetensors lets spaces fill up the head; with them the numbers begin at a multiple of 64 as well.
    let head_len = (LENGTH_LEN + json.len()).next_multiple_of(ALIGNMENT as usize);
    json.resize(head_len - LENGTH_LEN, b' ');
    let mut head = (json.len() as u64).to_le_bytes().to_vec();
    head.append(&mut json);
    Ok((head, ordered))
}

/// Finds the tensors in a block, whose bytes may be anything. The ranges are within `block`, and fill it.
pub(super) fn find(block: &[u8]) -> Result<BTreeMap<String, Entry>, String> {
    let (length, rest) = block.split_first_chunk::<LENGTH_LEN>().ok_or("no length of a list of tensors")?;
    let list_len = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let (list, data) = rest.split_at_checked(list_len).ok_or("its list of tensors is longer than the block")?;
    let Listed(mut listed) = serde_json::from_slice(list).map_err(|error| error.to_string())?;
    listed.sort_by(|(a_name, a), (b_name, b)| (a.data_offsets, a_name).cmp(&(b.data_offsets, b_name)));
    // safetensors checks that each tensor has the size of its shape and begins where the one before ends. Its own
    // `deserialize` adds the lengths up unchecked, hence the comparison here.
    let metadata = Metadata::new(None, listed.clone()).map_err(|error| error.to_string())?;
    if metadata.data_len() != data.len() {
        return Err(format!("{} bytes of numbers, its list of tensors has {}", data.len(), metadata.data_len()));
    }
    let data_start = block.len() - data.len();
    let mut entries = BTreeMap::new();
    for (name, info) in listed {
        let dtype = DType::from_stored(info.dtype)
            .ok_or_else(|| format!("the tensor {name:?} has the unknown type {:?}", info.dtype))?;
        let (start, end) = info.data_offsets;
        let bytes = data_start + start..data_start + end;
        let same_name = format!("two tensors are named {name:?}");
        if entries.insert(name, Entry { dtype, shape: info.shape, bytes }).is_some() {
            return Err(same_name);
        }
    }
    Ok(entries)
}

/// Bytes in front of the list, which hold its length.
const LENGTH_LEN: usize = 8;

/// The one key of safetensors that is no tensor; we have our own manifest.
const RESERVED_NAME: &str = "__metadata__";

fn n_bytes(shape: &[usize], dtype: DType) -> Option<usize> {
    shape.iter().try_fold(dtype.size(), |product, &n| product.checked_mul(n))
}

/// The list of tensors as it stands, duplicates included, which a map would hide.
struct Listed(Vec<(String, TensorInfo)>);

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Listed;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a list of tensors by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Listed, A::Error> {
                let mut listed = Vec::new();
                while let Some((name, info)) = map.next_entry::<String, TensorInfo>()? {
                    if name == RESERVED_NAME {
                        return Err(A::Error::custom("a tensor has the reserved name"));
                    }
                    listed.push((name, info));
                }
                Ok(Listed(listed))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(list: &str, data_len: usize) -> Vec<u8> {
        let mut block = (list.len() as u64).to_le_bytes().to_vec();
        block.extend_from_slice(list.as_bytes());
        block.resize(block.len() + data_len, 0);
        block
    }

    #[test]
    fn hostile_lists_are_refused() {
        let huge = usize::MAX / 8;
        for (list, expected) in [
            (r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[6],"data_offsets":[2,8]}}"#.to_owned(), "two tensors are named \"a\""),
            (r#"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[0],"data_offsets":[8,8]}}"#.into(), "two tensors are named \"a\""),
            (r#"{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}"#.into(), "8 bytes of numbers, its list of tensors has 9"),
            (r#"{"a":{"dtype":"U8","shape":[7],"data_offsets":[0,7]}}"#.into(), "8 bytes of numbers, its list of tensors has 7"),
            (r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#.into(), "shape"),
            (r#"{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}"#.into(), "unknown type F64"),
            (r#"{"a":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}}"#.into(), "offset"),
            (r#"{"a":{"dtype":"U8","shape":[4294967296,4294967296,2],"data_offsets":[0,8]}}"#.into(), "overflow"),
            // Eight tensors whose lengths add up to 2^64 - 8: an unchecked sum would wrap round.
            (
                format!("{{{}}}", (0..8).map(|i| {
                    format!(r#""{i}":{{"dtype":"U8","shape":[{huge}],"data_offsets":[{},{}]}}"#, i * huge, (i + 1) * huge)
                }).collect::<Vec<_>>().join(",")),
                "8 bytes of numbers",
            ),
            (r#"{"__metadata__":{"format":"pt"}}"#.into(), "missing field"),
            ("[]".into(), "a list of tensors by name"),
            ("".into(), "EOF"),
        ] {
            let error = find(&block(&list, 8)).unwrap_err();
            assert!(error.contains(expected), "{error}, expected {expected}");
        }
        assert!(find(&[255; 8]).unwrap_err().contains("longer than the block"));
        assert!(find(&[0; 7]).is_err());
    }

    #[test]
    fn tensors_that_cannot_be_written_are_refused() {
        let tensor = TensorData::from_f32("a", &[2], &[1.0, 2.0]);
        assert!(lay_out(&[tensor.clone(), tensor.clone()]).unwrap_err().contains("two tensors are named \"a\""));
        assert!(lay_out(&[TensorData { shape: vec![3], ..tensor.clone() }]).unwrap_err().contains("has 8 bytes"));
        assert!(lay_out(&[TensorData { shape: vec![usize::MAX, 2], ..tensor.clone() }]).is_err());
        assert!(lay_out(&[TensorData { name: RESERVED_NAME.into(), ..tensor }]).is_err());
    }

    #[test]
    fn every_type_has_one_name_and_the_size_of_it() {
        for (ours, stored) in DTYPES {
            assert_eq!((ours.stored(), DType::from_stored(stored)), (stored, Some(ours)));
            assert_eq!(ours.size() * 8, stored.bitsize());
        }
    }

    #[test]
    fn half_precision_becomes_f32_exactly() {
        let values = [0.5f32, -2.0, 65504.0, 0.0];
        let as_f16: Vec<u8> = values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect();
        let view = TensorView { name: "a", dtype: DType::F16, shape: &[4], data: &as_f16 };
        assert_eq!(view.to_f32().unwrap(), values);
        let as_bf16: Vec<u8> = [1.5f32, -3e38].iter().flat_map(|&value| bf16::from_f32(value).to_le_bytes()).collect();
        let view = TensorView { name: "a", dtype: DType::BF16, shape: &[2], data: &as_bf16 };
        assert_eq!(view.to_f32().unwrap(), [1.5, bf16::from_f32(-3e38).to_f32()]);
        let view = TensorView { dtype: DType::U8, ..view };
        assert!(view.to_f32().unwrap_err().to_string().contains("tensor \"a\": its numbers are U8"));
    }
}
