//! What may be wrong with the description of a Transformer.

use super::check::{check_epsilon, check_rate, check_size};
use super::{CompileError, MAX_SIZE};
use crate::spec::TransformerSpec;

/// The largest number of blocks.
const MAX_LAYERS: usize = 1024;

pub(super) fn check_transformer(place: &str, spec: &TransformerSpec, width: usize) -> Result<(), CompileError> {
    let wrong = |problem: String, help: &str| Err(CompileError::new(place, problem, help));
    if spec.layers == 0 || spec.layers > MAX_LAYERS {
        let problem = format!("layers is {}, expected 1 to {MAX_LAYERS}", spec.layers);
        return wrong(problem, "choose for example layers = 2");
    }
    check_size(place, "heads", spec.heads)?;
    if spec.head_dim.is_none() && !width.is_multiple_of(spec.heads) {
        let problem = format!("rows of {width} numbers cannot be divided among {} heads", spec.heads);
        return wrong(problem, "choose heads that divide the width of a row, or give head-dim");
    }
    let sizes = spec.sizes(width);
    check_size(place, "kv-heads", sizes.kv_heads)?;
    check_size(place, "head-dim", sizes.head_dim)?;
    check_size(place, "feed-forward", sizes.feed_forward)?;
    if !sizes.heads.is_multiple_of(sizes.kv_heads) {
        let problem = format!("{} heads cannot be divided among {} heads of keys", sizes.heads, sizes.kv_heads);
        return wrong(problem, "choose kv-heads that divides heads");
    }
    if sizes.qkv() > MAX_SIZE {
        let problem = format!("queries, keys and values of a row are {} numbers, at most {MAX_SIZE}", sizes.qkv());
        return wrong(problem, "choose fewer heads or a smaller head-dim");
    }
    for (field, base) in [("rotary", spec.rotary), ("local-rotary", spec.local_rotary)] {
        let Some(base) = base else { continue };
        if !(base.is_finite() && base > 1.0) {
            return wrong(format!("{field} is {base}, expected a number above 1"), "choose for example 10000");
        }
        if !sizes.head_dim.is_multiple_of(2) {
            let problem = format!("{field} turns pairs of numbers, but a head has {}", sizes.head_dim);
            return wrong(problem, "choose an even head-dim");
        }
    }
    for (field, needs, there) in [
        ("global-every", "window", spec.global_every.is_some() && spec.window.is_none()),
        ("local-rotary", "window", spec.local_rotary.is_some() && spec.window.is_none()),
    ] {
        if there {
            return wrong(format!("{field} without {needs}"), "give a window, such as window = 64, or leave it out");
        }
    }
    if spec.global_every == Some(0) {
        return wrong("global-every is 0, expected at least 1".to_owned(), "choose for example 3");
    }
    check_epsilon(place, spec.epsilon)?;
    check_rate(place, spec.dropout)?;
    check_rate(place, spec.attention_dropout)?;
    if let Some(lora) = spec.lora {
        check_size(place, "lora.rank", lora.rank)?;
        if !(lora.alpha.is_finite() && lora.alpha > 0.0) {
            let problem = format!("lora.alpha is {}, expected a number above 0", lora.alpha);
            return wrong(problem, "choose for example 16");
        }
    }
    Ok(())
}
