//! Where tensors lie in a file that PyTorch saved: a ZIP archive of a pickle and one file of numbers a storage.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};

use zip::{CompressionMethod, ZipArchive};

use super::pickle::{self, Storage};
use super::{Damage, Numbers, Tensor, damage};

/// Pickles of models name tensors and hold no numbers: this is far above any.
const MAX_PICKLE_BYTES: u64 = 8 << 20;

/// Files in an archive, at most.
const MAX_FILES: usize = 200_000;

pub(super) fn find(file: &File, _n_bytes: u64, number: usize) -> Result<Vec<(String, Tensor)>, Damage> {
    let zip_error =
        |error: zip::result::ZipError| Damage(format!("not a file of PyTorch 1.6 or later (a ZIP archive): {error}"));
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(zip_error)?;
    if archive.len() > MAX_FILES {
        return damage(format!("{} files in it, expected at most {MAX_FILES}", archive.len()));
    }
    // Each file in the archive, where its bytes begin and how many there are.
    let mut places: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for i in 0..archive.len() {
        let entry = archive.by_index_raw(i).map_err(zip_error)?;
        let name = entry.name().map_err(zip_error)?.into_owned();
        if entry.compression() != CompressionMethod::Stored
            || entry.encrypted()
            || entry.size() != entry.compressed_size()
        {
            return damage(format!("{name:?} in it is packed, and PyTorch packs nothing"));
        }
        let start = entry.data_start().ok_or_else(|| Damage(format!("{name:?} in it has no beginning")))?;
        places.insert(name, (start, entry.size()));
    }
    let mut pickles = places.keys().filter_map(|name| name.strip_suffix("data.pkl"));
    let (Some(folder), None) = (pickles.next().map(str::to_owned), pickles.next()) else {
        return damage("no data.pkl in it, or several: this is not a model that PyTorch saved");
    };
    let mut bytes = |name: &str, max: u64| -> Result<Option<Vec<u8>>, Damage> {
        let Some(at) = archive.index_for_name(name) else { return Ok(None) };
        let entry = archive.by_index(at).map_err(zip_error)?;
        if entry.size() > max {
            return damage(format!("{name:?} in it has {} bytes, expected at most {max}", entry.size()));
        }
        let mut bytes = Vec::new();
        entry.take(max).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    };
    if let Some(order) = bytes(&format!("{folder}byteorder"), 16)?
        && order != b"little"
    {
        return damage("its numbers are stored with the highest byte first");
    }
    let pickle = bytes(&format!("{folder}data.pkl"), MAX_PICKLE_BYTES)?.unwrap_or_default();
    let mut found = Vec::new();
    for (name, stored) in pickle::state_dict(&pickle)? {
        let is_contiguous = stored.is_contiguous();
        let Storage { key, numbers } = stored.storage;
        let place = places.get(&format!("{folder}data/{key}"));
        let &(start, held) =
            place.ok_or_else(|| Damage(format!("the numbers of the tensor {name:?} are not in it")))?;
        let size = numbers.n_bytes() as u64;
        let span = Tensor::span(&stored.shape, Some(&stored.strides)).map(|n| n as u64);
        let end = span.and_then(|n| n.checked_add(stored.offset)?.checked_mul(size));
        if end.is_none_or(|end| end > held) {
            return damage(format!("the tensor {name:?} reaches beyond its {held} bytes"));
        }
        let start = start + stored.offset * size;
        let strides = (!is_contiguous).then_some(stored.strides);
        found.push((name, Tensor { file: number, start, numbers, shape: stored.shape, strides }));
    }
    Ok(found)
}

/// The types of PyTorch's storages.
pub(super) fn numbers_of(storage: &str) -> Option<Numbers> {
    Some(match storage {
        "DoubleStorage" => Numbers::F64,
        "FloatStorage" => Numbers::F32,
        "HalfStorage" => Numbers::F16,
        "BFloat16Storage" => Numbers::BF16,
        "LongStorage" => Numbers::Other("I64".to_owned(), 8),
        "IntStorage" => Numbers::Other("I32".to_owned(), 4),
        "ShortStorage" => Numbers::Other("I16".to_owned(), 2),
        "CharStorage" => Numbers::Other("I8".to_owned(), 1),
        "ByteStorage" => Numbers::Other("U8".to_owned(), 1),
        "BoolStorage" => Numbers::Other("BOOL".to_owned(), 1),
        _ => return None,
    })
}
