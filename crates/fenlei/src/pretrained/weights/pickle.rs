//! The names and places of tensors in a pickle, without running it.
//!
//! A pickle is a program for a stack machine that may call any function of Python. This one knows only what PyTorch writes
//! for a dictionary of tensors: numbers, words, tuples, dictionaries, and the rebuilding of a tensor from a storage.
//! Every other instruction and every other name is refused; nothing is ever called.

use super::torch_file::numbers_of;
use super::{Damage, Numbers, damage};

/// Numbers of one kind in a file of their own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Storage {
    pub key: String,
    pub numbers: Numbers,
}

/// A tensor as a view of a storage, as the pickle describes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StoredTensor {
    pub storage: Storage,
    /// The first number.
    pub offset: u64,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

impl StoredTensor {
    /// Whether its numbers lie one after the other, the last axis the fastest.
    pub fn is_contiguous(&self) -> bool {
        let mut expected = 1usize;
        self.shape.iter().zip(&self.strides).rev().all(|(&d, &stride)| {
            let fits = d <= 1 || stride == expected;
            expected = expected.saturating_mul(d);
            fits
        })
    }
}

/// A value lives in [`Machine::values`] and is known by its place there, so that nothing is copied, and nothing nests deeply
/// enough to overflow a stack.
type Id = u32;

#[derive(Debug, Clone)]
enum Value {
    None,
    Bool,
    Int(i64),
    Text(String),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Known),
    Storage(Storage),
    Tensor(StoredTensor),
}

/// The names that a pickle may use.
#[derive(Debug, Clone, PartialEq)]
enum Known {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    StorageType(Numbers),
}

fn known(module: &str, name: &str) -> Result<Known, Damage> {
    match (module, name) {
        ("collections", "OrderedDict") => Ok(Known::OrderedDict),
        ("torch._utils", "_rebuild_tensor_v2") => Ok(Known::RebuildTensor),
        ("torch._utils", "_rebuild_parameter") => Ok(Known::RebuildParameter),
        ("torch", storage) if numbers_of(storage).is_some() => {
            Ok(Known::StorageType(numbers_of(storage).unwrap_or(Numbers::F32)))
        }
        _ => damage(format!("it asks for {module}.{name}, which no dictionary of tensors needs, so it is not read")),
    }
}

/// The tensors of a dictionary, in its order.
pub(super) fn state_dict(pickle: &[u8]) -> Result<Vec<(String, StoredTensor)>, Damage> {
    let mut machine =
        Machine { rest: pickle, values: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: Vec::new() };
    let top = machine.run()?;
    let Value::Dict(items) = machine.value(top)? else {
        return damage("it holds no dictionary of tensors");
    };
    let mut tensors = Vec::with_capacity(items.len());
    for &(key, value) in items {
        let Value::Text(name) = machine.value(key)? else { return damage("a key of its dictionary is not a name") };
        match machine.value(value)? {
            Value::Tensor(tensor) => tensors.push((name.clone(), tensor.clone())),
            _ => return damage(format!("{name:?} in its dictionary is not a tensor")),
        }
    }
    Ok(tensors)
}

struct Machine<'a> {
    rest: &'a [u8],
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: Vec<Option<Id>>,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Id, Damage> {
        loop {
            match self.byte()? {
                // PROTO and FRAME.
                0x80 => {
                    self.take(1)?;
                }
                0x95 => {
                    self.take(8)?;
                }
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'N' => self.push(Value::None),
                0x88 | 0x89 => self.push(Value::Bool),
                b'J' => {
                    let n = i32::from_le_bytes(self.array()?);
                    self.push(Value::Int(n.into()));
                }
                b'K' => {
                    let n = self.byte()?;
                    self.push(Value::Int(n.into()));
                }
                b'M' => {
                    let n = u16::from_le_bytes(self.array()?);
                    self.push(Value::Int(n.into()));
                }
                // LONG1: little-endian, of so many bytes.
                0x8a => {
                    let n = usize::from(self.byte()?);
                    let bytes = self.take(n)?;
                    if n > 8 {
                        return damage("a number of more than 64 bits");
                    }
                    let fill = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
                    let mut whole = [fill; 8];
                    whole[..n].copy_from_slice(bytes);
                    self.push(Value::Int(i64::from_le_bytes(whole)));
                }
                b'X' => {
                    let n = u32::from_le_bytes(self.array()?) as usize;
                    self.text(n)?;
                }
                0x8c => {
                    let n = usize::from(self.byte()?);
                    self.text(n)?;
                }
                b')' => self.push(Value::Tuple(Vec::new())),
                b't' => {
                    let items = self.pop_to_mark()?;
                    self.push(Value::Tuple(items));
                }
                n @ 0x85..=0x87 => {
                    let first = self.stack.len().checked_sub(usize::from(n - 0x84));
                    let first = first.ok_or_else(|| Damage("a tuple of more than there is".to_owned()))?;
                    let items = self.stack.split_off(first);
                    self.push(Value::Tuple(items));
                }
                b'}' => self.push(Value::Dict(Vec::new())),
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set_items(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_to_mark()?;
                    self.set_items(&items)?;
                }
                // BINPUT, LONG_BINPUT, MEMOIZE.
                b'q' => {
                    let at = self.byte()?.into();
                    self.remember(at)?;
                }
                b'r' => {
                    let at = u32::from_le_bytes(self.array()?) as usize;
                    self.remember(at)?;
                }
                0x94 => self.remember(self.memo.len())?,
                b'h' => {
                    let at = self.byte()?.into();
                    self.recall(at)?;
                }
                b'j' => {
                    let at = u32::from_le_bytes(self.array()?) as usize;
                    self.recall(at)?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.push(Value::Global(known(&module, &name)?));
                }
                // STACK_GLOBAL.
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (Value::Text(module), Value::Text(name)) = (self.value(module)?, self.value(name)?) else {
                        return damage("a name that is not text");
                    };
                    let global = known(module, name)?;
                    self.push(Value::Global(global));
                }
                b'Q' => {
                    let id = self.pop()?;
                    let storage = self.storage(id)?;
                    self.push(Value::Storage(storage));
                }
                b'R' => self.rebuild()?,
                // BUILD sets attributes: PyTorch gives its dictionaries one about versions, which nobody needs.
                b'b' => {
                    self.pop()?;
                    let object = self.pop()?;
                    if !matches!(self.value(object)?, Value::Dict(_)) {
                        return damage("it sets attributes of something that is not a dictionary");
                    }
                    self.stack.push(object);
                }
                other => {
                    return damage(format!(
                        "the instruction {other:#04x} is none that a dictionary of tensors needs, so it is not read"
                    ));
                }
            }
        }
    }

    /// What REDUCE would call.
    fn rebuild(&mut self) -> Result<(), Damage> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let (Value::Global(function), Value::Tuple(arguments)) = (self.value(function)?, self.value(arguments)?) else {
            return damage("it calls something that is not a function");
        };
        match (function, arguments.as_slice()) {
            (Known::OrderedDict, []) => self.push(Value::Dict(Vec::new())),
            (Known::RebuildParameter, [tensor, ..]) if matches!(self.value(*tensor)?, Value::Tensor(_)) => {
                self.stack.push(*tensor);
            }
            (Known::RebuildTensor, [storage, offset, shape, strides, ..]) => {
                let Value::Storage(storage) = self.value(*storage)? else {
                    return damage("a tensor without a storage");
                };
                let (shape, strides) = (self.sizes(*shape)?, self.sizes(*strides)?);
                let &Value::Int(offset) = self.value(*offset)? else { return damage("a tensor without a beginning") };
                let offset = u64::try_from(offset).map_err(|_| Damage("a tensor before its storage".to_owned()))?;
                if shape.len() != strides.len() {
                    return damage("a tensor with a step for some axes only");
                }
                let tensor = StoredTensor { storage: storage.clone(), offset, shape, strides };
                self.push(Value::Tensor(tensor));
            }
            (function, arguments) => {
                return damage(format!("{function:?} of {} values, which PyTorch does not write", arguments.len()));
            }
        }
        Ok(())
    }

    /// `("storage", type, key, device, how many)`.
    fn storage(&self, id: Id) -> Result<Storage, Damage> {
        if let Value::Tuple(parts) = self.value(id)?
            && let [kind, storage, key, ..] = parts[..]
            && let (Value::Text(kind), Value::Global(Known::StorageType(numbers)), Value::Text(key)) =
                (self.value(kind)?, self.value(storage)?, self.value(key)?)
            && kind == "storage"
        {
            return Ok(Storage { key: key.clone(), numbers: numbers.clone() });
        }
        damage("it refers to something outside of it that is no storage")
    }

    fn sizes(&self, id: Id) -> Result<Vec<usize>, Damage> {
        let Value::Tuple(parts) = self.value(id)? else { return damage("sizes that are no tuple") };
        let size = |&part: &Id| match self.value(part)? {
            &Value::Int(n) => usize::try_from(n).map_err(|_| Damage("a size below zero".to_owned())),
            _ => damage("a size that is no number"),
        };
        parts.iter().map(size).collect()
    }

    fn set_items(&mut self, items: &[Id]) -> Result<(), Damage> {
        if !items.len().is_multiple_of(2) {
            return damage("a key without a value");
        }
        let dict = self.stack.last().copied().and_then(|id| self.values.get_mut(id as usize));
        let Some(Value::Dict(held)) = dict else { return damage("items of something that is not a dictionary") };
        held.extend(items.as_chunks().0.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    fn push(&mut self, value: Value) {
        // A pickle has far fewer bytes than there are numbers of 32 bits, and each makes one value at most.
        self.stack.push(self.values.len() as Id);
        self.values.push(value);
    }

    fn pop(&mut self) -> Result<Id, Damage> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len() > floor {
            true => Ok(self.stack.pop().unwrap_or_default()),
            false => damage("it takes from an empty stack"),
        }
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, Damage> {
        let mark = self.marks.pop().ok_or_else(|| Damage("there is no mark to go back to".to_owned()))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn value(&self, id: Id) -> Result<&Value, Damage> {
        self.values.get(id as usize).ok_or_else(|| Damage("a value that is not there".to_owned()))
    }

    fn remember(&mut self, at: usize) -> Result<(), Damage> {
        let &top = self.stack.last().ok_or_else(|| Damage("nothing to remember".to_owned()))?;
        // PyTorch numbers what it remembers without gaps.
        if at > self.memo.len() {
            return damage("it remembers something under a number far ahead");
        }
        if at == self.memo.len() {
            self.memo.push(None);
        }
        self.memo[at] = Some(top);
        Ok(())
    }

    fn recall(&mut self, at: usize) -> Result<(), Damage> {
        match self.memo.get(at).copied().flatten() {
            Some(id) => {
                self.stack.push(id);
                Ok(())
            }
            None => damage("it recalls what it never remembered"),
        }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) =
            self.rest.split_at_checked(n).ok_or_else(|| Damage("its pickle ends too early".to_owned()))?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Damage> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn text(&mut self, n: usize) -> Result<(), Damage> {
        let bytes = self.take(n)?.to_vec();
        let text = String::from_utf8(bytes).map_err(|_| Damage("text that is not UTF-8".to_owned()))?;
        self.push(Value::Text(text));
        Ok(())
    }

    fn line(&mut self) -> Result<String, Damage> {
        let n = self.rest.iter().position(|&b| b == b'\n').ok_or_else(|| Damage("a name without an end".to_owned()))?;
        let line = self.take(n)?.to_vec();
        self.take(1)?;
        String::from_utf8(line).map_err(|_| Damage("a name that is not UTF-8".to_owned()))
    }
}
