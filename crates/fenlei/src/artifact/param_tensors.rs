//! The parameters of a net as tensors, also those that are held in fewer bits.

use fenlei_nn::compact::{Compact, Compaction};
use fenlei_nn::kernels::int8::{Int8Matrix, MAX_INPUTS};
use fenlei_nn::params::Param;

use super::container::Container;
use super::tensors::{DType, TensorData};
use crate::{Error, Result};

/// Behind the name of a parameter of 8-bit integers: the tensor of its scales.
const SCALES: &str = ".scales";

/// The tensors of a parameter: one, or two where its numbers have scales.
pub(crate) fn tensors(param: &Param<f32>, prefix: &str) -> Vec<TensorData<'static>> {
    let name = format!("{prefix}{}", param.name);
    let shape = param.shape.clone();
    match &param.compact {
        None => vec![TensorData::from_f32(name, &shape, &param.data)],
        Some(Compact::Bf16(numbers)) => {
            let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
            vec![TensorData { name, dtype: DType::BF16, shape, bytes: bytes.into() }]
        }
        Some(Compact::Int8(matrix)) => {
            let integers = (0..matrix.n_out()).flat_map(|row| matrix.row(row));
            let bytes: Vec<u8> = integers.map(|q| q as u8).collect();
            let scales = TensorData::from_f32(format!("{name}{SCALES}"), &[matrix.n_out()], matrix.scales());
            vec![TensorData { name, dtype: DType::I8, shape, bytes: bytes.into() }, scales]
        }
    }
}

/// Reads a parameter whose shape is known; gives how many tensors that took. `is_compactable` says whether its layer can
/// read 8-bit integers.
pub(super) fn read(
    container: &Container,
    prefix: &str,
    param: &mut Param<f32>,
    is_compactable: bool,
    refuse: &impl Fn(String) -> Error,
) -> Result<usize> {
    let name = format!("{prefix}{}", param.name);
    let view = container.tensor(&name)?;
    if view.dtype != DType::I8 {
        param.data = container.read_f32(&name, &param.shape)?;
        if let Some(at) = param.data.iter().position(|w| !w.is_finite()) {
            return Err(refuse(format!("number {at} of its tensor {:?} is {}", param.name, param.data[at])));
        }
        return Ok(1);
    }
    let row_len = param.row_len();
    if !is_compactable || view.shape != param.shape || row_len > MAX_INPUTS {
        let problem = format!("its tensor {name:?} has 8-bit integers of shape {:?}", view.shape);
        return Err(refuse(format!("{problem}, expected other numbers of shape {:?}", param.shape)));
    }
    let scales_name = format!("{name}{SCALES}");
    let scales = container.read_f32(&scales_name, &param.shape[..1])?;
    if let Some(at) = scales.iter().position(|scale| !(scale.is_finite() && *scale >= 0.0)) {
        return Err(refuse(format!("scale {at} of its tensor {name:?} is {}", scales[at])));
    }
    let integers: Vec<i8> = view.data.iter().map(|&byte| byte as i8).collect();
    param.data = Vec::new();
    param.compact = Some(Compact::Int8(Int8Matrix::new(&integers, scales, row_len)));
    param.trainable = false;
    Ok(2)
}

/// Reads a parameter of a checkpoint, which holds numbers as the net does.
pub(crate) fn read_again(container: &Container, prefix: &str, param: &mut Param<f32>) -> Result<()> {
    let compaction = param.compact.take().map(|compact| compact.compaction());
    param.data = container.read_f32(&format!("{prefix}{}", param.name), &param.shape)?;
    if compaction == Some(Compaction::Bf16) {
        // They were rounded before, so that this changes nothing.
        param.compact(Compaction::Bf16);
    }
    Ok(())
}
